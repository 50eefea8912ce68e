import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { platformOf } from '../../../src/platform/platform.ts';
import { isRunning, signalProcess } from '../../../src/platform/processes.ts';
import { rcloneEnvironment } from '../../../src/rclone/environment.ts';
import { MOUNT_OPTIONS, VFS_OPTIONS } from '../../../src/rclone/mount-options.ts';
import { createRcClient, RcError } from '../../../src/rclone/rc-client.ts';
import { startRcd, type RcDaemon, type RcdOptions } from '../../../src/rclone/rc.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { fakeProgram } from '../../support/fake-program.ts';
import { realRclone } from '../../support/rclone.ts';
import { openWorkspace, type Workspace } from '../../support/workspace.ts';

const SECRET = 'tsec_very/secret+value0123456789';
const remote = {
  endpoint: 'http://127.0.0.1:9',
  region: 'auto',
  accessKeyId: 'tid_key',
  secretAccessKey: SECRET,
};

let rclone: Rclone;
beforeAll(async () => {
  rclone = await realRclone();
});

const windows = platformOf('win32');

async function running(
  workspace: Workspace,
  folder = 'sockets',
  more: Partial<RcdOptions> = {},
): Promise<RcDaemon> {
  const daemon = await startRcd(rclone, {
    socketFolder: join(workspace.root, folder),
    env: rcloneEnvironment(workspace.host.env),
    cacheDir: join(workspace.root, 'cache'),
    ...more,
  });
  onTestFinished(() => daemon.stop(0));
  return daemon;
}

describe('startRcd', () => {
  test('answers on a private socket, to this process and to another client', async () => {
    const workspace = await openWorkspace();
    const folder = join(workspace.root, 'sockets');
    await mkdir(folder);
    await chmod(folder, 0o755);
    const daemon = await running(workspace);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(isRunning(daemon.identity)).toBe(true);
    const other = createRcClient(daemon.address);
    const { version } = await other.call('core/version', {}, z.object({ version: z.string() }));
    expect(version).toBe(`v${rclone.version}`);
    await daemon.stop();
    expect(isRunning(daemon.identity)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
    await expect(other.call('rc/noop', {}, z.unknown())).rejects.toMatchObject({ status: 0 });
  });

  test('on Windows listens on loopback only, to whoever knows a password that nobody can read', async () => {
    const workspace = await openWorkspace();
    const log = join(workspace.root, 'log');
    const daemon = await running(workspace, 'sockets', { platform: windows, outliveWithLog: log });
    expect(await readdir(join(workspace.root, 'sockets'))).toEqual([]);
    const { address } = daemon;
    if (!('port' in address)) throw new Error('it is a socket');
    expect(await daemon.call('rc/noop', { a: 1 }, z.looseObject({}))).toEqual({ a: 1 });
    const wrong = createRcClient({ ...address, password: 'wrong' });
    await expect(wrong.call('rc/noop', {}, z.unknown())).rejects.toMatchObject({ status: 401 });
    const argv = await readFile(`/proc/${daemon.identity.pid}/cmdline`, 'latin1');
    expect(argv).not.toContain(address.password);
    await daemon.stop();
    expect(isRunning(daemon.identity)).toBe(false);
  });

  test.each([
    ['ends without a word', 'exit 1', 5000],
    ['never tells its port', 'exec sleep 60', 300],
  ])('on Windows, one that %s is an error and no wait', async (_how, body, readyWithinMs) => {
    const { root, env } = await openWorkspace();
    const path = await fakeProgram(root, 'rclone', body);
    const options = { socketFolder: join(root, 's'), env, cacheDir: root, platform: windows };
    await expect(startRcd({ path }, { ...options, readyWithinMs })).rejects.toMatchObject({
      ...{ code: 'rclone-daemon', exitCode: 12 },
    });
  });

  test('takes the keys into its memory: not on disk, not in argv, not in its environment', async () => {
    const workspace = await openWorkspace();
    workspace.host.env['AWS_SECRET_ACCESS_KEY'] = SECRET;
    const daemon = await running(workspace);
    await daemon.configCreate('mine', remote);
    const config = await daemon.call('config/get', { name: 'mine' }, z.looseObject({}));
    expect(config).toMatchObject({ type: 's3', secret_access_key: SECRET, provider: 'Other' });
    const { pid } = daemon.identity;
    for (const file of ['cmdline', 'environ']) {
      expect(await readFile(`/proc/${pid}/${file}`, 'latin1')).not.toContain(SECRET);
    }
    for (const name of await readdir(workspace.root, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue;
      expect(await readFile(join(name.parentPath, name.name), 'latin1')).not.toContain(SECRET);
    }
  });

  test('knows every mount option that we send: it would ignore a wrong name without a word', async () => {
    const daemon = await running(await openWorkspace());
    const names = z.record(z.string(), z.unknown());
    const known = await daemon.call('options/get', {}, z.object({ vfs: names, mount: names }));
    expect(Object.keys(known.vfs)).toEqual(expect.arrayContaining(Object.keys(VFS_OPTIONS)));
    expect(Object.keys(known.mount)).toEqual(expect.arrayContaining(Object.keys(MOUNT_OPTIONS)));
  });

  test('a failed call says why and never what it was sent', async () => {
    // Of no form that the redactor knows: nothing of the input may come back at all.
    const PLAIN = 'Zm9v/that+no/pattern4knows';
    const daemon = await running(await openWorkspace());
    const failures = [
      daemon.call('no/such', { thing: PLAIN }, z.unknown()),
      daemon.call('config/create', { type: 's3', parameters: { thing: PLAIN } }, z.unknown()),
      daemon.call(
        'operations/list',
        { fs: `:s3,access_key_id='${PLAIN}':x`, remote: '' },
        z.unknown(),
        { timeoutMs: 20_000 },
      ),
      daemon.call('rc/noop', { thing: PLAIN }, z.object({ other: z.string() })),
    ];
    for (const failure of await Promise.allSettled(failures)) {
      const reason: unknown = failure.status === 'rejected' ? failure.reason : undefined;
      expect(reason).toBeInstanceOf(RcError);
      expect(`${String(reason)} ${JSON.stringify(reason)}`).not.toContain(PLAIN);
    }
    await daemon.stop();
    expect((await daemon.exited).tail.join('\n')).not.toContain(PLAIN);
  });

  test('works where the folder is too deep for a socket, and leaves nothing behind', async () => {
    const workspace = await openWorkspace();
    const daemon = await running(workspace, 'deep/'.repeat(30));
    expect(daemon.address).toMatchObject({
      socketPath: expect.stringMatching(/^.{1,103}$/) as string,
    });
    const { socketPath } = daemon.address as { socketPath: string };
    await daemon.stop();
    await expect(stat(join(socketPath, '..'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('its death is noticed', async () => {
    const daemon = await running(await openWorkspace());
    expect(signalProcess(daemon.identity, 'SIGKILL')).toBe(true);
    expect(await daemon.exited).toMatchObject({ exitCode: undefined });
    await expect(daemon.call('rc/noop', {}, z.unknown())).rejects.toThrow(/not reached/);
  });

  test('an abort stops it', async () => {
    const { root, host } = await openWorkspace();
    const abort = new AbortController();
    const daemon = await startRcd(rclone, {
      socketFolder: root,
      env: rcloneEnvironment(host.env),
      cacheDir: join(root, 'cache'),
      signal: abort.signal,
    });
    abort.abort();
    await daemon.exited;
    expect(isRunning(daemon.identity)).toBe(false);
  });

  test.each([
    ['ends at once', 'echo "no such luck" >&2; exit 1', /ended right after/],
    ['never answers', 'exec sleep 60', /does not answer/],
  ])('one that %s is an error, and nothing is left running', async (_what, body, message) => {
    const { root } = await openWorkspace();
    const path = await fakeProgram(root, 'rclone', `echo $$ > ${root}/pid; ${body}`);
    const options = { socketFolder: root, env: { PATH: process.env['PATH'] }, cacheDir: root };
    const started = startRcd({ path }, { ...options, readyWithinMs: 400 });
    await expect(started).rejects.toThrow(message);
    await expect(started).rejects.toMatchObject({ code: 'rclone-daemon', exitCode: 12 });
    const pid = Number(await readFile(join(root, 'pid'), 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow();
    expect(await readdir(root)).not.toContainEqual(expect.stringMatching(/\.sock$/));
  });

  test('one that cannot be started is an error', async () => {
    const { root } = await openWorkspace();
    const options = { socketFolder: root, env: {}, cacheDir: root };
    await expect(startRcd({ path: '/no/such/rclone' }, options)).rejects.toMatchObject({
      code: 'rclone-daemon',
    });
  });
});
