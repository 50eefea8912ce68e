import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { startAuthServer } from '../../support/auth-server.ts';
import { available } from '../../support/available.ts';
import { openWorkspace, type Workspace } from '../../support/workspace.ts';

const binary = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const keyring =
  process.platform === 'linux' &&
  available('dbus-run-session') &&
  available('gnome-keyring-daemon');

/** Somebody with a keyring of their own, as on a desktop. */
async function desktop(): Promise<Workspace> {
  const user = await openWorkspace();
  delete user.env['CLOUD_INSECURE_STORAGE'];
  user.env['XDG_DATA_HOME'] = join(user.root, 'data');
  user.env['XDG_RUNTIME_DIR'] = join(user.root, 'run');
  for (const folder of ['data', 'run', 'home']) {
    await mkdir(join(user.root, folder), { recursive: true, mode: 0o700 });
  }
  return user;
}

/**
 * One log-in to the desktop: a D-Bus session with gnome-keyring, its collection opened with the
 * password or left locked, in which these command lines of ours run one after the other.
 */
async function session(
  user: Workspace,
  collection: 'open' | 'locked',
  ...lines: readonly string[]
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const start =
    collection === 'open'
      ? 'printf %s password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1'
      : 'gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1';
  const cloud = lines.map((line) => `${process.execPath} ${binary} ${line}`);
  // What the bus itself has to say goes nowhere; the commands speak through 3 and 4.
  const script = [start, ...cloud.map((line) => `${line} >&3 2>&4 || exit $?`)].join('\n');
  const run = await execa(
    'sh',
    ['-c', 'exec 3>&1 4>&2; exec dbus-run-session -- sh -c "$0" >/dev/null 2>&1', script],
    { env: user.env, extendEnv: false, reject: false, timeout: 60_000 },
  );
  return { exitCode: run.exitCode ?? -1, stdout: run.stdout, stderr: run.stderr };
}

const errorOf = (stderr: string): unknown =>
  (JSON.parse(stderr.trim().split('\n').at(-1)!) as { error: unknown }).error;

describe.runIf(keyring)('with a real keyring', () => {
  test('a secret that one process writes is read by the next, and after the next log-in', async () => {
    const server = await startAuthServer();
    const user = await desktop();
    const login = `login --device --quiet --server ${server.url}`;
    const first = await session(user, 'open', login, 'whoami --json');
    expect(first.stderr).toContain('BCDF');
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toContain('"secrets": "keychain"');
    const files = await readdir(user.host.places.config);
    expect(files.filter((name) => name.startsWith('secrets'))).toEqual(['secrets.json']);

    const later = await session(user, 'open', 'whoami --json', 'doctor');
    expect(later.stdout).toContain('"account": "ada"');
    expect(later.stdout).toContain('Secrets open with the key in the keychain');
    // What lies in the keyring is 32 bytes, and none of our secrets.
    const ring = execFileSync('sh', ['-c', `cat ${user.root}/data/keyrings/*`], {
      encoding: 'latin1',
    });
    expect(ring).not.toContain('cloud_rt_');
  }, 120_000);

  test('a locked collection is 78 and says so; nothing is lost, and it opens again', async () => {
    const server = await startAuthServer();
    const user = await desktop();
    await session(user, 'open', `login --device --quiet --server ${server.url}`);
    const file = join(user.host.places.config, 'secrets.json');
    const before = await readFile(file, 'utf8');

    const locked = await session(user, 'locked', 'whoami --json');
    expect(locked.exitCode).toBe(78);
    expect(errorOf(locked.stderr)).toMatchObject({
      code: 'no-keychain',
      details: { locked: true },
    });
    expect(locked.stderr).toContain('--insecure-storage');
    expect(await readFile(file, 'utf8')).toBe(before);
    const open = await session(user, 'open', 'whoami --json');
    expect(open).toMatchObject({ exitCode: 0 });

    // Somebody who would rather have a file signs in anew; what is locked stays aside.
    const line = `login --device --quiet --insecure-storage --server ${server.url}`;
    const anew = await session(user, 'locked', line, 'whoami --json');
    expect(anew).toMatchObject({ exitCode: 0 });
    expect(anew.stdout).toContain('"secrets": "file"');
    const aside = (await readdir(user.host.places.config)).find((name) => /locked/.test(name))!;
    expect(anew.stderr).toContain(aside);
    expect(await readFile(join(user.host.places.config, aside), 'utf8')).toBe(before);
  }, 120_000);

  test('the key moves from the keychain to a file and back, and every secret with it', async () => {
    const server = await startAuthServer();
    const user = await desktop();
    await session(user, 'open', `login --device --quiet --server ${server.url}`);
    const login = `login --device --quiet --server ${server.url}`;
    const moved = await session(user, 'open', `${login} --insecure-storage`, 'whoami --json');
    expect(moved.stdout).toContain('"secrets": "file"');
    // Without any keychain now.
    const alone = await execa(process.execPath, [binary, 'whoami', '--json'], {
      env: user.env,
      extendEnv: false,
    });
    expect(alone.stdout).toContain('"account": "ada"');
    const back = await session(user, 'open', 'config set insecure-storage false', login);
    expect(back.exitCode).toBe(0);
    const after = await session(user, 'open', 'whoami --json');
    expect(after.stdout).toContain('"secrets": "keychain"');
    expect(await readdir(user.host.places.config)).not.toContain('secrets.key');
  }, 120_000);
});

test('without D-Bus it is 78 and names the choice; with it the choice is remembered', async () => {
  const server = await startAuthServer();
  const { env } = await openWorkspace();
  delete env['CLOUD_INSECURE_STORAGE'];
  const cloud = (...args: string[]) =>
    execa(process.execPath, [binary, ...args], { env, extendEnv: false, reject: false });
  const login = ['login', '--device', '--server', server.url];
  const refused = await cloud(...login, '--json');
  expect(refused.exitCode).toBe(78);
  expect(errorOf(refused.stderr)).toMatchObject({
    code: 'no-keychain',
    details: { locked: false },
  });
  expect(await cloud(...login, '--insecure-storage')).toMatchObject({ exitCode: 0 });
  expect((await cloud('whoami', '--json')).stdout).toContain('"secrets": "file"');
});
