import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { findRclone } from '../../../src/rclone/find.ts';
import { currentCopyPath, privateFolder } from '../../../src/rclone/private-copy.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import type { Host } from '../../../src/platform/host.ts';
import { fakeProgram } from '../../support/fake-program.ts';
import { realRclone } from '../../support/rclone.ts';
import { openWorkspace } from '../../support/workspace.ts';

let real: Rclone;
beforeAll(async () => {
  real = await realRclone();
});

/** A home without any rclone: only the system's own folders without one stay on PATH. */
async function bareHost(): Promise<{ host: Host; root: string; bin: string }> {
  const { host, root } = await openWorkspace();
  const bin = join(root, 'bin');
  await mkdir(bin);
  host.env['PATH'] = bin;
  return { host, root, bin };
}

async function installedPrivately(host: Host): Promise<string> {
  const folder = join(privateFolder(host), 'copy');
  await mkdir(folder, { recursive: true });
  await symlink(real.path, join(folder, 'rclone'));
  await writeFile(
    currentCopyPath(host),
    JSON.stringify({ folder: 'copy', version: '1.75.2', source: 'test', installedAt: 'now' }),
  );
  return join(folder, 'rclone');
}

describe('findRclone', () => {
  test('takes flag, environment, private copy and PATH in that order', async () => {
    const { host, root, bin } = await bareHost();
    await expect(findRclone({}, host)).rejects.toMatchObject({
      code: 'rclone-missing',
      exitCode: 12,
      suggestions: ['cloud rclone install'],
    });
    await symlink(real.path, join(bin, 'rclone'));
    expect(await findRclone({}, host)).toMatchObject({ origin: 'path', path: join(bin, 'rclone') });
    const copy = await installedPrivately(host);
    expect(await findRclone({}, host)).toMatchObject({ origin: 'private', path: copy });
    host.env['CLOUD_RCLONE'] = join(root, 'named');
    await symlink(real.path, join(root, 'named'));
    expect(await findRclone({}, host)).toMatchObject({ origin: 'environment' });
    expect(await findRclone({ path: real.path }, host)).toEqual({ ...real, origin: 'flag' });
  });

  test('a binary that a person named is not silently replaced by another', async () => {
    const { host, bin } = await bareHost();
    await symlink(real.path, join(bin, 'rclone'));
    await expect(findRclone({ path: '/no/such/rclone' }, host)).rejects.toMatchObject({
      code: 'rclone-unfit',
      details: { refusals: [{ path: '/no/such/rclone', origin: 'flag', reason: 'no such file' }] },
    });
    host.env['CLOUD_RCLONE'] = bin;
    await expect(findRclone({}, host)).rejects.toThrow(/not a file/);
  });

  test('an unfit one on PATH is passed over for a fit one behind it', async () => {
    const { host, root, bin } = await bareHost();
    await fakeProgram(bin, 'rclone', 'echo "rclone v1.60.1-DEV"');
    await mkdir(join(root, 'bin2'));
    await symlink(real.path, join(root, 'bin2', 'rclone'));
    host.env['PATH'] = ['', '.', bin, join(root, 'bin2')].join(delimiter);
    expect((await findRclone({}, host)).path).toBe(join(root, 'bin2', 'rclone'));
  });

  test.each([
    ['crashes', 'kill -SEGV $$', /crashed \(SIGSEGV\)/],
    ['ends with an error', 'exit 3', /ended with exit code 3/],
    ['prints nonsense', 'echo "hello, world"', /does not answer like rclone/],
    ['is too old', 'echo "rclone v1.60.1-DEV"', /1\.60\.1 is older than 1\.72\.0/],
    [
      'lacks commands',
      'echo "rclone v1.75.2"; echo "Available commands:"; echo "  copy  Copy files."',
      /lacks bisync and rcd/,
    ],
  ])('one that %s is refused with the reason', async (_what, body, reason) => {
    const { host, bin } = await bareHost();
    await fakeProgram(bin, 'rclone', body);
    const refused = findRclone({}, host);
    await expect(refused).rejects.toMatchObject({ code: 'rclone-unfit', exitCode: 12 });
    await expect(refused).rejects.toThrow(reason);
  });

  test('a file that is not executable, or no program at all, is refused', async () => {
    const { host, bin } = await bareHost();
    await writeFile(join(bin, 'rclone'), 'not a program', { mode: 0o644 });
    await expect(findRclone({}, host)).rejects.toThrow(/cannot be started \(EACCES\)/);
  });

  test('asks a binary once, and again when it has changed', async () => {
    const { host, root, bin } = await bareHost();
    const asked = join(root, 'asked');
    const path = await fakeProgram(bin, 'rclone', `echo x >> ${asked}; exec ${real.path} "$@"`);
    const questions = async (): Promise<number> =>
      (await readFile(asked, 'utf8')).split('\n').length - 1;
    await findRclone({}, host);
    const once = await questions();
    await findRclone({}, host);
    expect(await questions()).toBe(once);
    await utimes(path, new Date(0), new Date(0));
    await findRclone({}, host);
    expect(await questions()).toBe(2 * once);
    // Another one of the same size and time.
    await writeFile(path, (await readFile(path, 'utf8')).replace('echo x', 'echo y'));
    await utimes(path, new Date(0), new Date(0));
    await findRclone({}, host);
    expect(await questions()).toBe(3 * once);
  });

  test('leaves nothing in the home of the person', async () => {
    const { host, root, bin } = await bareHost();
    const home = join(root, 'home');
    await mkdir(home);
    await symlink(real.path, join(bin, 'rclone'));
    await findRclone({}, host);
    expect(await readdir(home)).toEqual([]);
  });

  test('does not trust the answer to an older question, nor a damaged one', async () => {
    const { host, bin } = await bareHost();
    await symlink(real.path, join(bin, 'rclone'));
    await findRclone({}, host);
    const cache = join(host.places.state, 'rclone-probe.json');
    const text = (await readFile(cache, 'utf8')).replace(/"version":"[^"]*"/, '"version":"9.9.9"');
    await writeFile(cache, text);
    expect((await findRclone({}, host)).version).toBe('9.9.9');
    for (const other of [text.replace(/"question":"[^"]*"/, '"question":"older"'), '{ damaged']) {
      await writeFile(cache, other);
      expect((await findRclone({}, host)).version).toBe(real.version);
    }
  });
});
