import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { isRunning, signalProcess } from '../../../src/platform/processes.ts';
import { STORED } from '../../../src/session/tokens.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import { isMounted, kill, mountTest, openMountUser, until } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const binary = new URL('../../../bin/run.js', import.meta.url).pathname;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    tenants: ['open', 'stopped', 'secret', 'sigint', 'sigterm', 'hand', 'goes-on', 'watched'],
  });
});
afterAll(() => server.close());

mountTest('an open file hinders unmounting, and is named with its process', async () => {
  const user = await openMountUser(server, 'open');
  await user.mount();
  const path = join(user.folder, 'draft.txt');
  await writeFile(path, 'begun');
  // A program that keeps the file open until it is told to end.
  const editor = spawn('sh', ['-c', `exec 3>>'${path}'; echo opened; read line`]);
  onTestFinished(() => void editor.kill());
  await once(editor.stdout, 'data');
  const busy = await user.error('unmount');
  expect(busy).toMatchObject({ code: 'mount-busy', exitCode: 13 });
  expect(busy.message).toContain(`draft.txt by sh (process ${editor.pid})`);
  expect(busy.details['open']).toEqual([{ pid: editor.pid, command: 'sh', path }]);
  expect(await isMounted(user.folder)).toBe(true);
  editor.stdin.end('\n');
  await once(editor, 'exit');
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect(await user.bucket.text('draft.txt')).toBe('begun');
});

mountTest('status answers while rclone hangs, and forcing ends such a mount', async () => {
  const user = await openMountUser(server, 'stopped');
  expect(await user.cloud('mount-status')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('Nothing is mounted') as string,
  });
  const { rclone } = await user.mount();
  await writeFile(join(user.folder, 'a.md'), 'a');
  const healthy = await user.status();
  expect(healthy).toMatchObject({
    tenant: 'stopped',
    path: user.folder,
    profile: 'balanced',
    state: 'mounted',
    freshnessSeconds: 10,
    pending: { files: [{ name: 'a.md', size: 1 }], bytes: 1, failed: 0, complete: true },
    rclone: { pid: rclone!.pid, version: rclone!.version },
    adapter: { kind: 'fuse' },
    credentialExpiresAt: null,
    problem: null,
  });
  signalProcess(rclone!, 'SIGSTOP');
  // Each answers at once; that rclone hangs is said when it has owed an answer for a while.
  expect((await user.status()).pending.files).toMatchObject([{ name: 'a.md' }]);
  await until(async () => (await user.status()).problem?.code === 'mount-hangs');
  expect(await user.status()).toMatchObject({
    state: 'degraded',
    pending: { files: [{ name: 'a.md' }] },
  });
  const forced = await user.cloud('unmount', '--force', '--json');
  expect(forced.exitCode).toBe(3);
  expect(await isMounted(user.folder)).toBe(false);
  expect(isRunning(rclone!)).toBe(false);
  await user.mount();
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect(await user.bucket.text('a.md')).toBe('a');
});

mountTest('no secret is in a command line, an environment, a state file or a log', async () => {
  const user = await openMountUser(server, 'secret');
  const apiKey = server.apiKeyOf('secret');
  user.env['CLOUD_TOKEN'] = apiKey;
  const { supervisor, rclone } = await user.mount();
  await writeFile(join(user.folder, 'a.md'), 'a');
  const secrets = openSecretStore(user.host);
  const { secret_key: secretKey } = JSON.parse(
    (await secrets.getPassword(STORED.bucketKey, 'secret')) ?? '',
  ) as { secret_key: string };
  const texts = new Map<string, string>();
  for (const { pid } of [supervisor!, rclone!]) {
    for (const file of ['cmdline', 'environ']) {
      texts.set(`${pid} ${file}`, await readFile(`/proc/${pid}/${file}`, 'utf8'));
    }
  }
  texts.set('status', (await user.cloud('mount-status', '--json', '--verbose')).stdout);
  await kill(rclone!);
  await until(() => user.record().rclone !== null && user.record().rclone!.pid !== rclone!.pid);
  await user.json('unmount');
  const entries = await readdir(user.root, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    texts.set(path, await readFile(path, 'latin1'));
  }
  expect([...texts.keys()].filter((name) => name.endsWith('.log')).length).toBeGreaterThan(1);
  for (const [name, text] of texts) {
    expect(text.includes(secretKey) || text.includes(apiKey), name).toBe(false);
  }
});

for (const [signal, slug] of [
  ['SIGINT', 'sigint'],
  ['SIGTERM', 'sigterm'],
] as const) {
  mountTest(`${signal} ends a mount in the foreground when everything is uploaded`, async () => {
    const user = await openMountUser(server, slug);
    const args = ['mount', '--foreground', '--path', user.folder];
    const running = execa(process.execPath, [binary, ...args], {
      ...{ env: user.env, extendEnv: false, reject: false, stdin: 'ignore' },
    });
    await until(() => isMounted(user.folder));
    await writeFile(join(user.folder, 'a.md'), 'a');
    running.kill(signal);
    const ended = await running;
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(ended.stdout).toContain('everything is in the bucket');
    expect(await isMounted(user.folder)).toBe(false);
    expect(await user.bucket.text('a.md')).toBe('a');
    expect((await user.status()).state).toBe('unmounted');
  });
}

mountTest('what is unmounted by hand is uploaded and noted all the same', async () => {
  const user = await openMountUser(server, 'hand');
  const { supervisor, rclone } = await user.mount();
  await writeFile(join(user.folder, 'a.md'), 'a');
  await execa('fusermount3', ['-u', user.folder]);
  await until(() => !isRunning(supervisor!) && !isRunning(rclone!));
  expect(user.record().state).toBe('unmounted');
  expect(await user.bucket.text('a.md')).toBe('a');
});

mountTest('a program that goes on writing after a refused unmount loses nothing', async () => {
  const user = await openMountUser(server, 'goes-on');
  await user.mount();
  const file = await open(join(user.folder, 'log.txt'), 'a');
  onTestFinished(() => file.close().catch(() => undefined));
  await file.write('line\n');
  await file.datasync();
  const refused = await user.error('unmount', '--timeout', '1');
  expect(refused).toMatchObject({ code: 'mount-busy' });
  await file.write('another\n');
  await file.close();
  expect(await user.json('unmount')).toMatchObject({ kept: { files: [] } });
  expect(await user.bucket.text('log.txt')).toBe('line\nanother\n');
});

mountTest(
  'a watched status tells each change, and ends with 0 when it is interrupted',
  async () => {
    const user = await openMountUser(server, 'watched');
    await user.mount();
    const options = { env: user.env, extendEnv: false, reject: false, stdin: 'ignore' } as const;
    const json = execa(process.execPath, [binary, 'mount-status', '--watch', '--json'], options);
    const plain = execa(process.execPath, [binary, 'mount-status', '--watch'], options);
    let events = '';
    let lines = '';
    json.stdout.on('data', (chunk: Buffer) => (events += chunk.toString()));
    plain.stdout.on('data', (chunk: Buffer) => (lines += chunk.toString()));
    await until(() => events.includes('"mounted"') && lines.includes(': mounted'));
    await writeFile(join(user.folder, 'a.md'), 'a');
    await until(() => events.includes('a.md') && lines.includes('1 file (1 B) waiting'));
    await user.json('unmount');
    await until(() => events.includes('"unmounted"') && lines.includes(': unmounted'));
    for (const running of [json, plain]) {
      running.kill('SIGINT');
      expect(await running).toMatchObject({ exitCode: 0, stderr: '' });
    }
    for (const line of events.trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ type: 'status', mounts: [{ path: user.folder }] });
    }
  },
);
