import { fileURLToPath } from 'node:url';
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createApiClient } from '../../src/api/client.ts';
import { openSecretStore } from '../../src/session/secret-store.ts';
import { STORED } from '../../src/session/tokens.ts';
import { realRclone } from '../support/rclone.ts';
import { runCloud } from '../support/run-cloud.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { makeSmallDisk, makeUnwritable } from '../support/unwritable.ts';
import { openWorkspace, type Workspace } from '../support/workspace.ts';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

let server: TestServer;
let rclone: string;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'] });
  rclone = (await realRclone()).path;
});
afterAll(() => server.close());

/** A new user with an rclone at hand and a folder of their own. */
async function newUser(): Promise<Workspace & { folder: string }> {
  const user = await openWorkspace();
  user.env['CLOUD_RCLONE'] = rclone;
  user.env['CLOUD_SERVER'] = server.url;
  return { ...user, folder: join(user.root, 'home', 'Cloud', 'acme') };
}

const setup = (user: Workspace, args: readonly string[] = [], key = server.apiKeyOf('acme')) =>
  runCloud(['setup', '--mode', 'bisync', '--token-stdin', ...args], {
    env: user.env,
    input: key,
  });

function tenantClient(slug: string) {
  return createApiClient({
    server: server.url,
    token: () => Promise.resolve(server.apiKeyOf(slug)),
  });
}

async function activeKeys(slug: string): Promise<string[]> {
  const { credentials } = await tenantClient(slug).listMountCredentials();
  return credentials.map(({ id }) => id);
}

async function allFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
}

describe('cloud setup', () => {
  test('brings a new user from nothing to a folder in sync, and again without another key', async () => {
    const user = await newUser();
    await mkdir(user.folder, { recursive: true });
    await writeFile(join(user.folder, 'note.md'), '# hello\n');
    const before = await activeKeys('acme');

    const first = await setup(user, ['--yes']);
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stdout).toContain('Ready.');
    const issued = (await activeKeys('acme')).filter((id) => !before.includes(id));
    expect(issued).toHaveLength(1);

    const second = await runCloud(['setup', '--mode', 'bisync', '--json'], { env: user.env });
    expect(second.exitCode).toBe(0);
    const result = JSON.parse(second.stdout.trim().split('\n').at(-1)!) as Record<string, unknown>;
    expect(result).toMatchObject({
      type: 'result',
      credential: { how: 'reused', id: issued[0] },
      bisync: { files: 1, uploaded: 0, downloaded: 0 },
    });
    expect((await activeKeys('acme')).filter((id) => !before.includes(id))).toEqual(issued);
  });

  test(
    'goes on after it was killed at any step, and leaves one key in use',
    { timeout: 120_000 },
    async () => {
      for (const step of ['rclone', 'sign-in', 'credentials', 'configure', 'start']) {
        const user = await newUser();
        const killed = execa(
          process.execPath,
          [binary, 'setup', '--mode', 'bisync', '--token-stdin', '--json'],
          {
            env: user.env,
            extendEnv: false,
            input: server.apiKeyOf('acme'),
            reject: false,
            buffer: false,
          },
        );
        let seen = '';
        killed.stdout.on('data', (chunk: Buffer) => {
          seen += chunk.toString();
          if (seen.includes(`"step":"${step}","state":"done"`)) killed.kill('SIGKILL');
        });
        await killed;
        const again = await setup(user);
        expect(again, `after a kill behind ${step}`).toMatchObject({ exitCode: 0 });
        const who = await runCloud(['whoami', '--json'], { env: user.env });
        expect(JSON.parse(who.stdout)).toMatchObject({ tenant: { slug: 'acme' } });
      }
    },
  );

  test('a key that was revoked behind its back is replaced', async () => {
    const user = await newUser();
    await setup(user);
    const secrets = openSecretStore(user.host);
    const stored = JSON.parse((await secrets.getPassword(STORED.bucketKey, 'acme')) ?? '') as {
      id: string;
    };
    await tenantClient('acme').revokeMountCredential(stored.id);
    const again = await runCloud(['setup', '--mode', 'bisync', '--json'], { env: user.env });
    expect(again.exitCode).toBe(0);
    expect(again.stdout).toContain('"how":"replaced"');
    expect(await activeKeys('acme')).not.toContain(stored.id);
  });

  test('says what the first sync would do with a folder that is not empty, and does it only then', async () => {
    const one = await newUser();
    await mkdir(one.folder, { recursive: true });
    for (const name of ['there.md', 'differs.md', 'equal.md']) {
      await writeFile(join(one.folder, name), `${name}\n`);
    }
    await using own = await startTestServer({ tenants: ['acme'] });
    const mine = (user: Workspace, args: readonly string[]) =>
      setup(user, ['--server', own.url, ...args], own.apiKeyOf('acme'));
    const first = await mine(one, ['--yes']);
    expect(first.stderr).toMatch(
      /The first sync would\n {2}upload 3 files only here \(\d+ B\)\nand/,
    );

    const user = await newUser();
    const real = join(user.root, 'real');
    await mkdir(real);
    await symlink(real, join(user.root, 'link'));
    for (const [name, text] of [
      ['here.md', 'only here'],
      ['differs.md', 'otherwise'],
      ['equal.md', 'equal.md\n'],
    ] as const) {
      await writeFile(join(real, name), text);
    }
    const path = ['--path', join(user.root, 'link')];
    const plan = [
      `${real} is not empty.`,
      'The first sync would',
      '  upload 1 file only here (9 B)',
      '  download 1 file only in the bucket (9 B)',
      '  keep both versions of 1 file different on both sides',
      '  leave 1 file equal on both sides',
      'and delete nothing on either side.',
    ].join('\n');
    const refused = await mine(user, path);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(plan);
    expect(refused.stderr).toContain('Run it again with --yes');
    expect(refused.stderr).toMatch(/Done so far: Find rclone, .*it goes on from there/);
    const program = await mine(user, [...path, '--json']);
    expect(program.exitCode).toBe(2);
    expect(lastError(program.stderr)).toMatchObject({ code: 'confirmation-needed', message: plan });
    const events = program.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as object);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'first-sync', onlyHere: { files: 1, bytes: 9 }, equal: 1 }),
    );
    expect((await readdir(real)).toSorted()).toEqual(['differs.md', 'equal.md', 'here.md']);
    expect(await readFile(join(real, 'differs.md'), 'utf8')).toBe('otherwise');

    const agreed = await mine(user, [...path, '--yes']);
    expect(agreed).toMatchObject({ exitCode: 0 });
    expect(agreed.stderr).toContain(plan);
    expect(await readdir(real)).toEqual(expect.arrayContaining(['there.md', 'here.md']));
    // Known by now, also by its other name: nothing to ask, and the mode is the one of before.
    const again = await runCloud(['setup', '--server', own.url, '--json'], { env: user.env });
    expect(again.exitCode).toBe(0);
    expect(again.stdout).not.toContain('first-sync');
    expect(JSON.parse(again.stdout.trim().split('\n').at(-1)!)).toMatchObject({
      mode: 'bisync',
      folders: { sync: join(user.root, 'link') },
    });
  });

  test('leaves no secret in clear in any file of ours', async () => {
    const user = await newUser();
    await setup(user);
    const secrets = openSecretStore(user.host);
    const bucketKey = JSON.parse((await secrets.getPassword(STORED.bucketKey, 'acme')) ?? '') as {
      secret_key: string;
    };
    const values = [server.apiKeyOf('acme'), bucketKey.secret_key];
    const files = await allFiles(user.env['CLOUD_HOME'] ?? '');
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const bytes = await readFile(file);
      for (const value of values) expect(bytes.includes(value), file).toBe(false);
    }
    expect(server.logs()).not.toContain(bucketKey.secret_key);
  });

  test('two tenants on one machine stay apart, and a foreign token changes nothing', async () => {
    const user = await newUser();
    await setup(user);
    const foreign = await runCloud(['setup', '--mode', 'bisync', '--json'], {
      env: { ...user.env, CLOUD_TOKEN: server.apiKeyOf('other') },
    });
    expect(foreign.exitCode).toBe(4);
    expect(foreign.stderr).toContain('other-tenant');
    const second = await setup(user, [], server.apiKeyOf('other'));
    expect(second.exitCode).toBe(0);
    const who = await runCloud(['whoami', '--context', 'acme', '--json'], { env: user.env });
    expect(JSON.parse(who.stdout)).toMatchObject({ tenant: { slug: 'acme' } });
  });

  test('logout revokes the key on the server, forgets the secrets, and is idempotent', async () => {
    const user = await newUser();
    const before = await activeKeys('acme');
    await setup(user);
    expect(await activeKeys('acme')).toHaveLength(before.length + 1);
    expect(await runCloud(['logout'], { env: user.env })).toMatchObject({ exitCode: 0 });
    expect(await activeKeys('acme')).toEqual(before);
    expect(await openSecretStore(user.host).findCredentials(STORED.apiKey)).toEqual([]);
    expect((await runCloud(['logout'], { env: user.env })).exitCode).toBe(0);
  });
});

describe('a context', () => {
  test('never changes its tenant: a foreign key is refused and nothing of it is kept', async () => {
    const user = await newUser();
    await setup(user);
    const before = await runCloud(['whoami', '--json'], { env: user.env });
    for (const command of ['login', 'setup']) {
      const run = await runCloud([command, '--context', 'acme', '--token-stdin', '--json'], {
        env: user.env,
        input: server.apiKeyOf('other'),
      });
      expect(run.exitCode, command).toBe(4);
      expect(lastError(run.stderr)).toMatchObject({ code: 'other-tenant' });
    }
    const after = await runCloud(['whoami', '--json'], { env: user.env });
    expect(JSON.parse(after.stdout)).toEqual(JSON.parse(before.stdout));
  });

  test('keeps its key while its bucket is mounted', async ({ skip }) => {
    if (!existsSync('/dev/fuse')) skip('this machine has no /dev/fuse');
    const user = await newUser();
    await setup(user);
    expect(await runCloud(['mount'], { env: user.env })).toMatchObject({ exitCode: 0 });
    onTestFinished(async () => {
      await runCloud(['unmount', '--force'], { env: user.env });
    });
    const refused = await runCloud(['logout', '--json'], { env: user.env });
    expect(refused.exitCode).toBe(13);
    expect(lastError(refused.stderr)).toMatchObject({ code: 'still-mounted' });
    expect(await runCloud(['unmount'], { env: user.env })).toMatchObject({ exitCode: 0 });
    expect(await runCloud(['logout'], { env: user.env })).toMatchObject({ exitCode: 0 });
  });

  test('is told truthfully what became of its key when the server is gone', async () => {
    const user = await newUser();
    await using gone = await startTestServer({ tenants: ['acme'] });
    await setup(user, ['--server', gone.url], gone.apiKeyOf('acme'));
    await gone.close();
    const run = await runCloud(['logout', '--server', gone.url, '--json'], { env: user.env });
    expect(JSON.parse(run.stdout)).toMatchObject({ context: 'acme', bucket_key: 'unreachable' });
  });

  test('whose folder was not agreed to is not the one that bisync takes', async () => {
    const user = await newUser();
    const full = join(user.root, 'full');
    await mkdir(full);
    await writeFile(join(full, 'mine.md'), 'mine\n');
    expect((await setup(user, ['--path', full])).exitCode).toBe(2);
    expect(await runCloud(['bisync'], { env: user.env })).toMatchObject({ exitCode: 0 });
    expect(await readdir(full)).toEqual(['mine.md']);
  });
});

describe('Ctrl-C on a terminal', () => {
  test.each([
    ['at a question', '', 'Your choice'],
    ['in the middle of a step', '--mode bisync --token-stdin', 'Sign in'],
  ])('%s ends with 130 and says so', async (_where, args, seen) => {
    const silent = createTcpServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const user = await newUser();
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    await writeFile(join(user.root, 'key'), server.apiKeyOf('acme'));
    const input = args !== '' ? ` < ${join(user.root, 'key')}` : '';
    const line = `stty cols 80 rows 24; exec ${process.execPath} ${binary} setup --server ${url} ${args}${input}`;
    // util-linux: a terminal for the command, whose exit code it ends with.
    const run = execa('script', ['-qec', line, '/dev/null'], {
      env: user.env,
      extendEnv: false,
      reject: false,
      stdin: 'pipe',
    });
    let screen = '';
    run.stdout.on('data', (chunk: Buffer) => {
      const before = screen.includes(seen);
      screen += chunk.toString();
      if (!before && screen.includes(seen)) run.stdin.write('\u0003');
    });
    const { exitCode } = await run;
    expect(screen).toContain('Interrupted');
    expect(exitCode).toBe(130);
  });
});

describe('bad input to cloud setup', () => {
  test.each([
    ['nobody listens there', 'http://127.0.0.1:9', 5, 'server-unreachable'],
    ['not an address', 'cloud dot example', 2, 'bad-server-url'],
  ])('%s', async (_what, url, exitCode, code) => {
    const user = await newUser();
    const run = await setup(user, ['--server', url, '--json']);
    expect(run.exitCode).toBe(exitCode);
    expect(lastError(run.stderr)).toMatchObject({ code });
  });

  test('a web server that is not ours', async () => {
    const other = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html').end('<h1>Welcome</h1>');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const user = await newUser();
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const run = await setup(user, ['--server', url, '--json']);
    expect(run.exitCode).toBe(5);
    expect(lastError(run.stderr)).toMatchObject({ code: 'not-our-server' });
  });

  test.each([
    ['mistyped', (key: string) => `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`],
    ['cut short', (key: string) => key.slice(0, 40)],
    ['empty', () => ''],
    ['not a token at all', () => 'hunter2hunter2'],
  ])('a token that is %s', async (_what, spoil) => {
    const user = await newUser();
    const run = await setup(user, ['--json'], spoil(server.apiKeyOf('acme')));
    expect(run.exitCode).toBe(4);
    expect(['token-malformed', 'no-token']).toContain(lastError(run.stderr).code);
  });

  test('a token that has expired', async () => {
    let ahead = 0;
    const clock = {
      now: () => Date.now() + ahead,
      sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
    };
    await using aged = await startTestServer({ tenants: ['acme'], clock });
    ahead = 100 * 86_400_000;
    const user = await newUser();
    const run = await setup(user, ['--server', aged.url, '--json'], aged.apiKeyOf('acme'));
    expect(run.exitCode).toBe(4);
    expect(await openSecretStore(user.host).findCredentials(STORED.apiKey)).toEqual([]);
  });

  test('a path that is no folder', async () => {
    const user = await newUser();
    const file = join(user.root, 'file');
    await writeFile(file, 'a file');
    const run = await setup(user, ['--path', file, '--yes', '--json']);
    expect(run.exitCode).toBe(2);
    expect(lastError(run.stderr)).toMatchObject({ code: 'not-a-folder' });
    expect(await readFile(file, 'utf8')).toBe('a file');
  });

  test('a folder that cannot be written', async () => {
    const user = await newUser();
    const folder = join(user.root, 'read-only');
    await makeUnwritable(folder);
    const run = await setup(user, ['--path', folder, '--yes', '--json']);
    expect(run.exitCode).toBe(1);
    expect(['read-only', 'not-permitted', 'folder-not-writable']).toContain(
      lastError(run.stderr).code,
    );
  });

  test.each([
    ['one inside the other', ['--path', '/tmp/x/sync', '--mount-path', '/tmp/x/sync/mount']],
    ['the whole home', ['--path', '~']],
  ])('folders that overlap: %s', async (_what, args) => {
    const user = await newUser();
    const home = args.map((arg) => (arg === '~' ? join(user.root, 'home') : arg));
    const run = await setup(user, [...home, '--yes', '--json']);
    expect(run.exitCode).toBe(2);
    expect(lastError(run.stderr)).toMatchObject({ code: 'folder-overlap' });
  });

  test('an rclone that is missing or unfit', async () => {
    const user = await newUser();
    for (const path of [join(user.root, 'none'), '/bin/true']) {
      const run = await setup(user, ['--rclone', path, '--json']);
      expect(run.exitCode).toBe(12);
    }
  });

  test('a full disk under the local storage loses nothing and says so', async ({ skip }) => {
    const user = await newUser();
    const disk = join(user.root, 'disk');
    if (!(await makeSmallDisk(disk, 12 * 1024 * 1024))) skip('only root can mount a small disk');
    await using small = await startTestServer({
      tenants: ['acme'],
      dataFolder: join(disk, 'data'),
    });
    await mkdir(user.folder, { recursive: true });
    for (let index = 0; index < 6; index += 1) {
      await writeFile(join(user.folder, `${index}.bin`), Buffer.alloc(3 * 1024 * 1024, index + 1));
    }
    const run = await setup(
      user,
      ['--server', small.url, '--yes', '--json'],
      small.apiKeyOf('acme'),
    );
    // Refused cleanly: what is there is whole, the rest is still only here, and it is said.
    expect(run.exitCode).toBe(3);
    const { bisync } = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as {
      bisync: { uploaded: number; problems: number };
    };
    expect(bisync.problems).toBeGreaterThan(0);
    expect(bisync.uploaded + bisync.problems).toBe(6);
    for (let index = 0; index < 6; index += 1) {
      const bytes = await readFile(join(user.folder, `${index}.bin`));
      expect(bytes.equals(Buffer.alloc(3 * 1024 * 1024, index + 1))).toBe(true);
    }
  });
});

function lastError(stderr: string): { code: string; message: string } {
  const line = stderr.trim().split('\n').at(-1) ?? '';
  return (JSON.parse(line) as { error: { code: string; message: string } }).error;
}
