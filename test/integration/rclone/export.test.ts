import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportRemote, type ExportRequest } from '../../../src/rclone/export.ts';
import type { Host } from '../../../src/platform/host.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { realRclone, rememberRealRclone } from '../../support/rclone.ts';
import { openWorkspace } from '../../support/workspace.ts';

let real: Rclone;
beforeAll(async () => {
  real = await realRclone();
});

const request: ExportRequest = {
  name: 'cloud-acme',
  location: { endpoint: 'https://t3.storage.example', region: 'auto' },
  keys: { accessKeyId: 'tid_x', secretAccessKey: 'tsec_with+/=' },
  confirm: () => Promise.reject(new Error('nobody should be asked')),
};

const own = '# mine\n[gdrive]\ntype = drive\n# do not touch\nscope = drive\n';

async function person(text: string | undefined): Promise<{ host: Host; path: string }> {
  const { host, root } = await openWorkspace();
  host.env['CLOUD_RCLONE'] = real.path;
  await rememberRealRclone(host);
  const path = join(root, 'home', '.config', 'rclone', 'rclone.conf');
  await mkdir(dirname(path), { recursive: true });
  if (text !== undefined) await writeFile(path, text, { mode: 0o644 });
  return { host, path };
}

/** What rclone itself understands of the file. */
async function asRcloneReads(host: Host, path: string): Promise<Record<string, unknown>> {
  const { stdout } = await execa(real.path, ['config', 'dump', '--config', path], {
    env: { HOME: host.env['HOME'], PATH: host.env['PATH'] },
    extendEnv: false,
  });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('exportRemote', () => {
  test('adds the remote where rclone itself looks, after a backup, and rclone can use it', async () => {
    const { host, path } = await person(own);
    const result = await exportRemote(request, host);
    expect(result).toMatchObject({ path, change: 'added', withKeys: true });
    expect(await readFile(result.backup!, 'utf8')).toBe(own);
    expect((await readFile(path, 'utf8')).startsWith(own)).toBe(true);
    for (const file of [path, result.backup!]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await asRcloneReads(host, path)).toMatchObject({
      gdrive: { type: 'drive' },
      'cloud-acme': {
        type: 's3',
        endpoint: 'https://t3.storage.example',
        access_key_id: 'tid_x',
        secret_access_key: 'tsec_with+/=',
      },
    });
  });

  test('a second export changes nothing; without keys they are taken out again', async () => {
    const { host, path } = await person(own);
    await exportRemote(request, host);
    const backups = (await readdir(dirname(path))).length;
    expect(await exportRemote(request, host)).toMatchObject({ change: 'unchanged' });
    expect(await readdir(dirname(path))).toHaveLength(backups);
    const result = await exportRemote({ ...request, keys: undefined }, host);
    expect(result).toMatchObject({ change: 'replaced', withKeys: false });
    // Within a second, and still the first backup is there.
    const all = (await readdir(dirname(path))).filter((name) => name.includes('.backup-'));
    const texts = await Promise.all(all.map((name) => readFile(join(dirname(path), name), 'utf8')));
    expect(texts).toContain(own);
    expect(texts).toHaveLength(2);
    expect(await readFile(path, 'utf8')).not.toContain('tsec_');
    expect(await asRcloneReads(host, path)).toMatchObject({ 'cloud-acme': { env_auth: 'true' } });
  });

  test('honours RCLONE_CONFIG, follows a link, and makes the file where there is none', async () => {
    const { host, path } = await person(own);
    const link = join(dirname(path), 'linked.conf');
    await symlink(path, link);
    host.env['RCLONE_CONFIG'] = link;
    await exportRemote(request, host);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readFile(path, 'utf8')).toContain('[cloud-acme]');
    host.env['RCLONE_CONFIG'] = join(dirname(path), 'new', 'rclone.conf');
    expect(await exportRemote(request, host)).toMatchObject({ change: 'added', backup: undefined });
    expect(await asRcloneReads(host, host.env['RCLONE_CONFIG'])).toHaveProperty('cloud-acme');
  });

  test('bytes that are not UTF-8 stay as they are', async () => {
    const { host, path } = await person(undefined);
    const bytes = Buffer.concat([Buffer.from('# caf'), Buffer.from([0xe9, 0xff, 0x0a])]);
    await writeFile(path, bytes);
    await exportRemote(request, host);
    expect((await readFile(path)).subarray(0, bytes.length)).toEqual(bytes);
  });

  test('a remote of that name that points elsewhere is replaced only if the person agrees', async () => {
    const other = `${own}\n[cloud-acme]\ntype = s3\nendpoint = https://else.example\n`;
    const { host, path } = await person(other);
    const asked: string[] = [];
    const answer = (yes: boolean) => (question: string) => {
      asked.push(question);
      return Promise.resolve(yes);
    };
    const refused = exportRemote({ ...request, confirm: answer(false) }, host);
    await expect(refused).rejects.toMatchObject({ code: 'not-replaced', exitCode: 1 });
    expect(await readFile(path, 'utf8')).toBe(other);
    await exportRemote({ ...request, confirm: answer(true) }, host);
    expect(asked).toHaveLength(2);
    expect(await asRcloneReads(host, path)).toMatchObject({
      'cloud-acme': { endpoint: 'https://t3.storage.example' },
    });
  });

  test('refuses a file that rclone has encrypted, with the way out, and leaves it', async () => {
    const { host, path } = await person(own);
    await chmod(path, 0o600);
    const password = 'correct horse battery';
    await execa(real.path, ['config', 'encryption', 'set', '--config', path], {
      input: `${password}\n${password}\n`,
      env: { HOME: host.env['HOME'], RCLONE_PASSWORD_COMMAND: `echo ${password}` },
    });
    const before = await readFile(path, 'utf8');
    expect(before).toContain('RCLONE_ENCRYPT_V');
    await expect(exportRemote(request, host)).rejects.toMatchObject({
      code: 'rclone-config-encrypted',
      exitCode: 78,
      suggestions: expect.arrayContaining([expect.stringContaining('RCLONE_CONFIG=')]) as string[],
    });
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test('a name that rclone would not take is refused', async () => {
    const { host } = await person(own);
    for (const name of ['a b:', '[x]', '-x', '']) {
      await expect(exportRemote({ ...request, name }, host)).rejects.toMatchObject({ exitCode: 2 });
    }
  });
});
