import { fileURLToPath } from 'node:url';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSocketOnFreePort, freePort } from '../support/free-port.ts';
import { runCloud } from '../support/run-cloud.ts';
import { startTestServer } from '../support/server.ts';
import { storageAdminOf } from '../support/storage-inside.ts';
import { openWorkspace, type Workspace } from '../support/workspace.ts';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

interface Started {
  child: ChildProcess;
  listening: { url: string; storage_url: string; data_folder: string; admin_token_file: string };
  stderr: () => string;
  /** Sends the signal and waits. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** `cloud server start --json` as a process of its own, once it listens. */
async function startServerProcess(
  { env }: Workspace,
  args: readonly string[] = [],
): Promise<Started> {
  const child = spawn(process.execPath, [binary, 'server', 'start', '--json', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = once(child, 'exit');
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => {
      throw new Error(`the server ended: ${stderr}`);
    }),
  ]);
  const listening = JSON.parse(String(line[0])) as Started['listening'] & { type: string };
  expect(listening.type).toBe('listening');
  return {
    child,
    listening,
    stderr: () => stderr,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return ((await exited) as [number | null])[0];
    },
  };
}

describe('cloud server start', () => {
  it('serves, takes tenants from the command line, stops gracefully and comes back the same', async () => {
    const workspace = await openWorkspace();
    const port = await freePort();
    const server = await startServerProcess(workspace, ['--port', String(port)]);
    expect(server.listening.url).toBe(`http://127.0.0.1:${port}`);
    const env = {
      ...workspace.env,
      CLOUD_SERVER: server.listening.url,
      CLOUD_ADMIN_TOKEN_FILE: server.listening.admin_token_file,
    };
    const add = ['admin', 'tenant', 'add', '--slug', 'acme', '--name', 'Acme'];
    const added = await runCloud([...add, '--print-token'], { env });
    expect(added).toMatchObject({ exitCode: 0 });
    // Alone on stdout, so that it can be piped into `cloud login --token-stdin`.
    expect(added.stdout).toMatch(/^cloud_key_[A-Za-z0-9]{12}_\S{51}$/);
    expect(added.stderr).not.toContain(added.stdout);

    const again = await runCloud([...add, '--json'], { env });
    expect(again.exitCode).toBe(1);
    expect(JSON.parse(again.stderr)).toMatchObject({ error: { code: 'slug-taken' } });

    const list = await runCloud(['admin', 'tenant', 'list', '--json'], { env });
    expect(JSON.parse(list.stdout)).toMatchObject([{ slug: 'acme', policy: 'allowed' }]);

    const token = (await readFile(server.listening.admin_token_file, 'utf8')).trim();
    expect(server.stderr()).not.toContain(token);
    expect(server.stderr()).not.toContain(added.stdout);
    for (const line of server.stderr().trim().split('\n')) JSON.parse(line);
    expect(await server.stop('SIGTERM')).toBe(0);

    const next = await startServerProcess(workspace, ['--port', String(port)]);
    expect(next.listening).toEqual(server.listening);
    expect(await next.stop('SIGINT')).toBe(0);
  });

  it('rotates its signing keys when they are due, and tells which there are', async () => {
    const workspace = await openWorkspace();
    const server = await startServerProcess(workspace, ['--port', '0']);
    const env = {
      ...workspace.env,
      CLOUD_SERVER: server.listening.url,
      CLOUD_ADMIN_TOKEN_FILE: server.listening.admin_token_file,
    };
    const keys = async () => {
      const { stdout } = await runCloud(['server', 'keys', 'list', '--json'], { env });
      return JSON.parse(stdout) as { id: string; status: string }[];
    };
    const before = await keys();
    expect(before.map(({ status }) => status).toSorted()).toEqual(['active', 'next']);
    const early = await runCloud(['server', 'keys', 'rotate', '--json'], { env });
    expect(early.exitCode).toBe(1);
    expect(JSON.parse(early.stderr)).toMatchObject({ error: { code: 'rotated-just-now' } });
    const rotated = await runCloud(['server', 'keys', 'rotate', '--compromised'], { env });
    const next = before.find(({ status }) => status === 'next');
    expect(rotated).toMatchObject({ exitCode: 0 });
    expect(rotated.stdout).toContain(`signed with ${next!.id}`);
    expect((await keys()).find(({ status }) => status === 'active')?.id).toBe(next!.id);
  });

  it('answers the request that is under way before it ends', async () => {
    const workspace = await openWorkspace();
    const server = await startServerProcess(workspace, [
      '--port',
      '0',
      '--storage-latency',
      '400ms',
    ]);
    const token = (await readFile(server.listening.admin_token_file, 'utf8')).trim();
    const answer = fetch(`${server.listening.url}/api/v1/admin/tenants`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ slug: 'acme', name: 'Acme' }),
    });
    // The request has arrived when a second one on its own connection has been answered.
    await fetch(`${server.listening.url}/healthz`);
    const exit = server.stop('SIGTERM');
    expect((await answer).status).toBe(201);
    expect(await exit).toBe(0);
  });

  it('refuses a second server on the same data', async () => {
    const workspace = await openWorkspace();
    const server = await startServerProcess(workspace, ['--port', '0']);
    for (const command of ['start', 'migrate']) {
      const second = await runCloud(['server', command, '--json'], { env: workspace.env });
      expect(second.exitCode).toBe(11);
      expect(JSON.parse(lastLine(second.stderr))).toMatchObject({
        error: { code: 'locked', details: { pid: server.child.pid } },
      });
    }
    await server.stop();
    const migrated = await runCloud(['server', 'migrate', '--json'], { env: workspace.env });
    expect(JSON.parse(migrated.stdout)).toMatchObject({ applied: [] });
  });

  it('makes the trouble of its storage that hidden flags ask for', async () => {
    const workspace = await openWorkspace();
    const server = await startServerProcess(workspace, [
      ...['--port', '0', '--storage-error-rate', '100%'],
    ]);
    // Before anybody is asked who they are: without the flag this is a 403.
    const reply = await fetch(`${server.listening.storage_url}/bucket/key`);
    expect(reply.status).toBe(503);
    expect(await reply.text()).toContain('<Code>SlowDown</Code>');
    await server.stop();
  });

  it('says in one line why it cannot start', async () => {
    const workspace = await openWorkspace();
    const taken = await createSocketOnFreePort();
    onTestFinished(() => taken.close());
    await mkdir(workspace.root, { recursive: true });
    const file = join(workspace.root, 'a-file');
    await writeFile(file, '');
    const broken = join(workspace.root, 'broken');
    await mkdir(broken);
    await writeFile(join(broken, 'server.sqlite'), 'no database'.repeat(500));
    const start = async (args: string[], env: NodeJS.ProcessEnv = {}) => {
      const run = await runCloud(['server', 'start', '--json', ...args], {
        env: { ...workspace.env, ...env },
      });
      const { error } = JSON.parse(lastLine(run.stderr)) as { error: { code: string } };
      return { code: error.code, exitCode: run.exitCode };
    };
    expect([
      await start(['--port', String(taken.port)]),
      await start(['--port', '0', '--data', join(file, 'below')]),
      await start(['--port', '0', '--data', broken]),
      await start([], { CLOUD_SERVER_PORT: 'many' }),
      await start(['--port', '70000']),
      await start(['--storage-latency', 'long']),
    ]).toEqual([
      { code: 'port-taken', exitCode: 1 },
      { code: 'folder-not-writable', exitCode: 1 },
      { code: 'database-unreadable', exitCode: 78 },
      { code: 'invalid-setting', exitCode: 78 },
      { code: 'usage', exitCode: 2 },
      { code: 'invalid-flag', exitCode: 2 },
    ]);
  });
});

describe('cloud admin tenant', () => {
  it('says what is missing', async () => {
    const { env, root } = await openWorkspace();
    const port = await freePort();
    const list = async (more: NodeJS.ProcessEnv) => {
      const run = await runCloud(['admin', 'tenant', 'list', '--json'], {
        env: { ...env, ...more },
      });
      const { error } = JSON.parse(run.stderr) as { error: { code: string } };
      return { code: error.code, exitCode: run.exitCode };
    };
    const server = { CLOUD_SERVER: `http://127.0.0.1:${port}` };
    const token = { CLOUD_ADMIN_TOKEN: 'x'.repeat(40) };
    expect([
      await list(server),
      await list({ ...server, CLOUD_ADMIN_TOKEN_FILE: join(root, 'nowhere') }),
      await list({ ...server, ...token }),
      await list({ CLOUD_SERVER: 'nonsense', ...token }),
    ]).toEqual([
      { code: 'admin-token-needed', exitCode: 4 },
      { code: 'admin-token-unreadable', exitCode: 4 },
      { code: 'server-unreachable', exitCode: 5 },
      { code: 'bad-server-url', exitCode: 2 },
    ]);
  });

  it('refuses a bad slug before it asks anybody', async () => {
    const { env } = await openWorkspace();
    const run = await runCloud(['admin', 'tenant', 'add', '--slug', 'A B', '--name', 'x'], {
      env: { ...env, CLOUD_SERVER: 'http://127.0.0.1:9', CLOUD_ADMIN_TOKEN: 'x'.repeat(40) },
    });
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('A slug has 3 to 40');
  });
});

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

it('check-storage says of a storage that is not there what was not done, and ends with 1', async () => {
  const { env } = await openWorkspace();
  const at = 'http://127.0.0.1:9';
  const run = await runCloud(['server', 'check-storage', '--json'], {
    env: {
      ...env,
      ...{ CLOUD_SERVER_STORAGE_S3_ENDPOINT: at, CLOUD_SERVER_STORAGE_IAM_ENDPOINT: at },
      ...{ CLOUD_SERVER_STORAGE_ACCESS_KEY_ID: 'a', CLOUD_SERVER_STORAGE_SECRET_ACCESS_KEY: 'b' },
    },
  });
  expect(run.exitCode).toBe(1);
  const result = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as { checks: object[] };
  expect(result).toMatchObject({ type: 'result', ok: false, s3_endpoint: at });
  expect(result.checks[0]).toMatchObject({ status: 'failed' });
  expect(result.checks[1]).toMatchObject({ id: 'buckets', status: 'skipped' });
  expect(result.checks.at(-1)).toMatchObject({ id: 'clean-up', status: 'ok' });
});

it('check-storage proves a storage in another process, notifications included', async () => {
  const { env } = await openWorkspace();
  await using elsewhere = await startTestServer();
  const { storageUrl: at } = elsewhere.server;
  const { accessKeyId, secretAccessKey } = await storageAdminOf(elsewhere);
  const run = await runCloud(['server', 'check-storage'], {
    env: {
      ...env,
      ...{ CLOUD_SERVER_STORAGE_S3_ENDPOINT: at, CLOUD_SERVER_STORAGE_IAM_ENDPOINT: at },
      CLOUD_SERVER_STORAGE_ACCESS_KEY_ID: accessKeyId,
      CLOUD_SERVER_STORAGE_SECRET_ACCESS_KEY: secretAccessKey,
    },
  });
  expect(run.stdout).toContain('one arrived within');
  expect(run.stdout).toMatch(/ok +\d+\n.*failed +0\n.*skipped +0\n/s);
  expect(run.stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  expect(run.exitCode).toBe(0);
});
