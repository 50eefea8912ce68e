import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../../src/platform/host.ts';
import { aptPackage } from '../../../src/rclone/install/apt.ts';
import { ensureRclone, installRclone } from '../../../src/rclone/install/install.ts';
import { officialZip } from '../../../src/rclone/install/official.ts';
import { packageManagers } from '../../../src/rclone/install/package-managers.ts';
import type { InstallEvent, InstallMethod } from '../../../src/rclone/install/step.ts';
import { privateFolder } from '../../../src/rclone/private-copy.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { fakeProgram } from '../../support/fake-program.ts';
import { realRclone, rememberRealRclone } from '../../support/rclone.ts';
import { openWorkspace } from '../../support/workspace.ts';

let real: Rclone;
beforeAll(async () => {
  real = await realRclone();
});

/** A machine of another system, with only the programs that a test puts into `bin`. */
async function machine(
  platform: NodeJS.Platform,
): Promise<{ host: Host; root: string; bin: string; events: InstallEvent[] }> {
  const { host, root } = await openWorkspace();
  const bin = join(root, 'bin');
  await mkdir(bin);
  // Without touching what a machine may have in /usr/bin, the shell of the fakes is needed.
  host.env['PATH'] = bin;
  await rememberRealRclone(host);
  return { host: { ...host, platform }, root, bin, events: [] };
}

/** Stands in for a package manager: notes how it was called and puts the real rclone on PATH. */
async function fakeManager(bin: string, root: string, name: string): Promise<void> {
  const body = `echo "$0 $@" > ${root}/called; read answer && echo asked >> ${root}/called
/bin/ln -s ${real.path} ${bin}/rclone`;
  await fakeProgram(bin, name, body);
}

describe('package managers, by stand-ins since they cannot run here', () => {
  test.each<[InstallMethod, NodeJS.Platform, string]>([
    ['brew', 'darwin', 'install rclone'],
    ['dnf', 'linux', 'install -y rclone'],
    ['pacman', 'linux', '-S --noconfirm --needed rclone'],
    ['zypper', 'linux', '--non-interactive install rclone'],
    ['apk', 'linux', 'add --no-interactive rclone'],
  ])('%s is called without questions, and its rclone is found', async (method, platform, argv) => {
    const { host, root, bin } = await machine(platform);
    await fakeManager(bin, root, method);
    const { rclone } = await installRclone({ method }, host, () => undefined, {
      steps: packageManagers(true),
    });
    expect(rclone).toMatchObject({ origin: 'path', path: join(bin, 'rclone') });
    expect(await readFile(join(root, 'called'), 'utf8')).toBe(`${join(bin, method)} ${argv}\n`);
  });

  test.each<[InstallMethod, string]>([
    [
      'winget',
      'install --id Rclone.Rclone --exact --silent --accept-source-agreements --accept-package-agreements --disable-interactivity',
    ],
    ['choco', 'install rclone -y --no-progress'],
    ['scoop', 'install rclone'],
  ])('%s has its documented flags for running unattended', (method, argv) => {
    const step = packageManagers(false).find((each) => each.method === method);
    expect(step?.byHand).toBe(`${method} ${argv}`);
  });

  test('without root none of those that need it is called, and the command for a person is named', async () => {
    const { host, root, bin, events } = await machine('linux');
    await fakeManager(bin, root, 'dnf');
    await fakeProgram(bin, 'sudo', `echo sudo > ${root}/called`);
    const refused = installRclone({}, host, (event) => events.push(event), {
      steps: packageManagers(false),
    });
    await expect(refused).rejects.toMatchObject({
      code: 'rclone-not-installed',
      exitCode: 12,
      suggestions: expect.arrayContaining(['sudo dnf install -y rclone']) as string[],
    });
    await expect(readFile(join(root, 'called'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(events).toContainEqual({
      type: 'passed-over',
      method: 'dnf',
      reason: 'needs root, and sudo is never called',
    });
  });

  test('one that fails is passed over with its last words, the next is tried', async () => {
    const { host, root, bin, events } = await machine('linux');
    await fakeProgram(bin, 'dnf', 'echo "Error: Unable to find a match: rclone" >&2; exit 1');
    await fakeManager(bin, root, 'zypper');
    const result = await installRclone({}, host, (event) => events.push(event), {
      steps: packageManagers(true),
    });
    expect(result.rclone.origin).toBe('path');
    expect(events).toContainEqual({
      type: 'passed-over',
      method: 'dnf',
      reason: 'dnf ended with exit code 1: Error: Unable to find a match: rclone',
    });
  });

  test('one that asks on the terminal, or in a window, ends instead of hanging', async () => {
    const { host, root, bin } = await machine('linux');
    host.env['SUDO_ASKPASS'] = join(root, 'window');
    // What sudo does: opens the terminal itself, whatever its input is.
    await fakeProgram(
      bin,
      'dnf',
      `echo "$SUDO_ASKPASS" > ${root}/askpass; read password < /dev/tty || exit 9`,
    );
    const script = join(root, 'install.ts');
    const url = (path: string): string => new URL(`../../../src/${path}`, import.meta.url).href;
    await writeFile(
      script,
      `import { installRclone } from '${url('rclone/install/install.ts')}';
       import { packageManagers } from '${url('rclone/install/package-managers.ts')}';
       import { resolvePlaces } from '${url('platform/places.ts')}';
       import { systemClock } from '${url('platform/clock.ts')}';
       const env = { PATH: '${bin}', SUDO_ASKPASS: 'x' };
       const places = resolvePlaces({ CLOUD_HOME: '${root}/c' }, 'linux', '${root}');
       const host = { env, platform: 'linux', places, clock: systemClock };
       await installRclone({ method: 'dnf' }, host, () => {}, { steps: packageManagers(true) })
         .catch((error) => console.log(error.message));`,
    );
    // util-linux: a terminal that nobody types on.
    const line = `${process.execPath} ${script}`;
    const run = await execa('script', ['-qec', line, '/dev/null'], {
      stdin: 'pipe',
      timeout: 30_000,
    });
    expect(run.stdout).toContain('dnf ended with exit code 9');
    expect(await readFile(join(root, 'askpass'), 'utf8')).toBe('\n');
  });

  test('one that installs something too old is no success', async () => {
    const { host, bin } = await machine('linux');
    const old = `#!/bin/sh\\necho rclone v1.60.1`;
    await fakeProgram(bin, 'apk', `printf '${old}' > ${bin}/rclone; /bin/chmod 755 ${bin}/rclone`);
    const steps = packageManagers(true);
    const refused = installRclone({ method: 'apk' }, host, () => undefined, { steps });
    await expect(refused).rejects.toThrow(/older than 1\.72\.0/);
  });
});

describe('the chain', () => {
  test('a suitable rclone that is there is taken and nothing is tried', async () => {
    const { host, bin, events } = await machine('linux');
    await symlink(real.path, join(bin, 'rclone'));
    const result = await installRclone({}, host, (event) => events.push(event));
    const path = join(bin, 'rclone');
    expect(result).toMatchObject({ changed: false, rclone: { path } });
    expect(events).toEqual([{ type: 'kept', path, version: real.version }]);
  });

  test('--method existing takes what is there, and installs nothing where there is none', async () => {
    const { host, bin, events } = await machine('linux');
    const existing = (): ReturnType<typeof installRclone> =>
      installRclone({ method: 'existing' }, host, (event) => events.push(event));
    await expect(existing()).rejects.toMatchObject({ code: 'rclone-missing', exitCode: 12 });
    await fakeProgram(bin, 'rclone', 'echo "rclone v1.60.1-DEV"');
    await expect(existing()).rejects.toMatchObject({ code: 'rclone-unfit', exitCode: 12 });
    await rm(join(bin, 'rclone'));
    await symlink(real.path, join(bin, 'rclone'));
    expect(await existing()).toMatchObject({ changed: false, rclone: { origin: 'path' } });
    expect(events.map(({ type }) => type)).toEqual(['kept']);
  });

  test('says of the one that is there why it is passed over, before anything else is tried', async () => {
    const { host, root, bin, events } = await machine('linux');
    await fakeProgram(bin, 'rclone', 'echo "rclone v1.60.1-DEV"');
    const other = await fakeProgram(join(root, 'other'), 'noted', '');
    await fakeProgram(
      bin,
      'dnf',
      `/bin/mv ${bin}/rclone ${other}; /bin/ln -s ${real.path} ${bin}/rclone`,
    );
    await installRclone({}, host, (event) => events.push(event), { steps: packageManagers(true) });
    expect(events.filter(({ type }) => type !== 'download').slice(0, 3)).toMatchObject([
      {
        type: 'passed-over',
        method: 'existing',
        reason: `${join(bin, 'rclone')}: version 1.60.1 is older than 1.72.0`,
      },
      { type: 'passed-over', method: 'brew' },
      { type: 'started', method: 'dnf' },
    ]);
  });

  test('set-up goes the way that CLOUD_RCLONE_METHOD names, where there is none', async () => {
    const { host, bin, events } = await machine('linux');
    host.env['CLOUD_RCLONE_METHOD'] = 'existing';
    await expect(ensureRclone({}, host, (event) => events.push(event))).rejects.toMatchObject({
      code: 'rclone-missing',
    });
    host.env['CLOUD_RCLONE_METHOD'] = 'official';
    host.env['CLOUD_RCLONE_MIRROR'] = 'http://127.0.0.1:1';
    await expect(ensureRclone({}, host, (event) => events.push(event))).rejects.toMatchObject({
      details: { attempts: [{ method: 'official' }] },
    });
    await symlink(real.path, join(bin, 'rclone'));
    expect(await ensureRclone({}, host, () => undefined)).toMatchObject({ origin: 'path' });
  });

  test('set-up takes the rclone that a person named, or says why not', async () => {
    const { host } = await machine('linux');
    expect(await ensureRclone({ path: real.path }, host, () => undefined)).toMatchObject({
      origin: 'flag',
    });
    host.env['CLOUD_RCLONE'] = '/no/such/rclone';
    await expect(ensureRclone({}, host, () => undefined)).rejects.toMatchObject({
      code: 'rclone-unfit',
    });
  });

  test('without a network and without anything else it ends at once with what a person can do', async () => {
    const { host, events } = await machine('darwin');
    const refused = installRclone(
      { mirror: 'http://127.0.0.1:1' },
      host,
      (event) => events.push(event),
      { arch: 'arm64' },
    );
    await expect(refused).rejects.toMatchObject({
      code: 'rclone-not-installed',
      exitCode: 12,
      suggestions: [
        'brew install rclone',
        'cloud rclone install --mirror https://your-mirror',
        expect.stringMatching(/rclone-v[\d.]+-osx-arm64\.zip/) as string,
      ],
    });
    expect(events.filter(({ type }) => type === 'started')).toHaveLength(1);
  });

  test('a machine for which nothing is pinned is told so', async () => {
    const { host, events } = await machine('linux');
    const refused = installRclone({}, host, (event) => events.push(event), { arch: 'riscv64' });
    await expect(refused).rejects.toThrow(/no release is pinned for linux-riscv64/);
  });

  test('an abort ends it, and no further way is tried', async () => {
    const { host, bin, events } = await machine('linux');
    const abort = new AbortController();
    await fakeProgram(bin, 'dnf', 'exec /bin/sleep 60');
    await fakeProgram(bin, 'zypper', 'exit 0');
    const ended = installRclone(
      { signal: abort.signal },
      host,
      (event) => {
        events.push(event);
        if (event.type === 'started') setImmediate(() => abort.abort(new Error('Interrupted.')));
      },
      { steps: packageManagers(true) },
    );
    await expect(ended).rejects.toThrow('Interrupted.');
    expect(events.filter(({ type }) => type === 'started')).toHaveLength(1);
  });
});

describe("Debian's package", { timeout: 120_000 }, () => {
  test('is fetched from the mirror that apt names, verified by apt, unpacked without root', async () => {
    const { host, events } = await machine('linux');
    host.env['PATH'] = process.env['PATH'];
    const { rclone } = await installRclone({ method: 'apt' }, host, (event) => events.push(event), {
      steps: [officialZip(), aptPackage()],
    });
    expect(rclone).toMatchObject({ origin: 'private', capabilities: { bisync: true, rcd: true } });
    expect(rclone.path.startsWith(privateFolder(host))).toBe(true);
  });

  test.each([
    ['is not signed', 'file', /not signed|no longer signed|does not have a Release file/i],
    ['is not there', 'http', /127\.0\.0\.1:1|ended with exit code/],
  ])('a mirror that %s is refused, whatever the machine would allow', async (_what, kind, why) => {
    const { host, root } = await machine('linux');
    host.env['PATH'] = process.env['PATH'];
    const mirror = join(root, 'mirror');
    await mkdir(join(mirror, 'dists', 'sid', 'main', 'binary-amd64'), { recursive: true });
    await writeFile(join(mirror, 'dists', 'sid', 'Release'), 'Suite: sid\nCodename: sid\n');
    await writeFile(join(mirror, 'dists', 'sid', 'main', 'binary-amd64', 'Packages'), '');
    const etc = join(root, 'etc');
    await mkdir(join(etc, 'apt'), { recursive: true });
    await writeFile(join(etc, 'os-release'), 'ID=debian\nVERSION_CODENAME="bookworm"\n');
    const uri = kind === 'file' ? `file:${mirror}` : 'http://127.0.0.1:1/debian';
    await writeFile(
      join(etc, 'apt', 'sources.list'),
      `deb [trusted=yes allow-insecure=yes] ${uri} bookworm main\n`,
    );
    const refused = installRclone({ method: 'apt' }, host, () => undefined, {
      steps: [aptPackage(etc)],
    });
    await expect(refused).rejects.toMatchObject({ code: 'rclone-not-installed', exitCode: 12 });
    await expect(refused).rejects.toThrow(why);
  });

  test('a distribution without a known newer suite, or without mirrors, is told so', async () => {
    const { host, root } = await machine('linux');
    host.env['PATH'] = process.env['PATH'];
    await mkdir(join(root, 'etc'), { recursive: true });
    const refused = (): Promise<unknown> =>
      installRclone({ method: 'apt' }, host, () => undefined, {
        steps: [aptPackage(join(root, 'etc'))],
      });
    await writeFile(join(root, 'etc', 'os-release'), 'ID=devuan\nVERSION_CODENAME=daedalus\n');
    await expect(refused()).rejects.toThrow(/of devuan no newer suite is known/);
    await writeFile(join(root, 'etc', 'os-release'), 'ID=debian\nVERSION_CODENAME=bookworm\n');
    await expect(refused()).rejects.toThrow(/no mirror is named/);
  });
});
