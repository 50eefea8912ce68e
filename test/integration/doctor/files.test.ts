import { chmod, mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { ensurePrivateFolder } from '../../../src/platform/atomic-file.ts';
import { acquireLock } from '../../../src/platform/lock.ts';
import { visit } from '../../support/doctor.ts';
import { makeSmallDisk } from '../../support/unwritable.ts';
import { openWorkspace, type Workspace } from '../../support/workspace.ts';

let user: Workspace;
beforeEach(async () => {
  user = await openWorkspace();
  const { config, state } = user.host.places;
  for (const folder of [config, state]) await ensurePrivateFolder(folder);
});

const put = async (folder: string, name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
  await writeFile(path, text, { mode: 0o600 });
  return path;
};

test('before set-up it says what comes next, with exit code 10', async () => {
  const seen = await visit(user.host);
  expect(seen.exitCode).toBe(10);
  expect(seen.of('context')).toMatchObject([
    { level: 'failure', exitCode: 10, cure: { command: 'cloud setup' } },
  ]);
  expect(seen.of('bucket')).toMatchObject([{ level: 'skipped' }]);
});

test('a damaged configuration is a finding; a context that is not there is a mistake', async () => {
  await expect(visit(user.host, { flags: { context: 'nobody' } })).rejects.toMatchObject({
    exitCode: 2,
  });
  await put(user.host.places.config, 'config.json', '{"version": 99}');
  const seen = await visit(user.host);
  expect(seen.exitCode).toBe(78);
  expect(seen.of('configuration')).toMatchObject([{ level: 'failure', exitCode: 78 }]);
  expect(seen.of('context')).toMatchObject([{ level: 'skipped' }]);
});

test('modes that somebody widened are made private again', async () => {
  const { config } = user.host.places;
  const key = await put(config, 'secrets.key', 'x');
  await chmod(key, 0o644);
  await chmod(config, 0o755);
  const seen = await visit(user.host);
  expect(seen.of('permissions')).toMatchObject([{ level: 'warning' }]);
  expect(seen.of('permissions')[0]?.cause).toContain(key);
  const fixed = await visit(user.host, { fix: true });
  expect(fixed.fixed).toMatchObject([{ check: 'permissions', error: null }]);
  expect(fixed.of('permissions')).toMatchObject([{ level: 'ok' }]);
  expect((await stat(key)).mode & 0o777).toBe(0o600);
  expect((await stat(config)).mode & 0o777).toBe(0o700);
});

test('what belongs to another user, as after a run with sudo', async () => {
  await put(user.host.places.config, 'config.json', '{"version":1,"contexts":{}}');
  const mine = await stat(user.host.places.config);
  const seen = await visit(user.host, { fix: true }, { uid: mine.uid + 1 });
  expect(seen.of('permissions')).toMatchObject([{ level: 'failure', exitCode: 1 }]);
  expect(seen.of('permissions')[0]?.cure?.command).toMatch(/^sudo chown -R .*\/config/);
  expect(seen.fixed).toEqual([]);
});

test('the note of a dead owner is removed, that of a living one is left', async () => {
  const locks = join(user.host.places.state, 'locks');
  const dead = { pid: 2 ** 22 - 1, startedAt: 'x:1', command: 'cloud bisync', since: '2026-01-01' };
  await put(locks, 'dead.lock.owner.json', JSON.stringify(dead));
  await put(locks, 'torn.lock.owner.json', '{"pid": 1');
  const lock = await acquireLock(join(locks, 'held.lock'), { command: 'a test' });
  try {
    const seen = await visit(user.host);
    expect(seen.of('locks')).toMatchObject([{ level: 'warning' }]);
    expect(seen.of('locks')[0]?.cause).toContain(`process ${dead.pid}, has died`);
    const after = await visit(user.host, { fix: true });
    expect(after.fixed[0]?.did).toContain('locks/dead.lock, locks/torn.lock');
    expect(after.of('locks')[0]?.summary).toContain(`a test (process ${process.pid}`);
    expect(await readdir(locks)).not.toContain('dead.lock.owner.json');
    expect(await readdir(locks)).toContain('held.lock.owner.json');
  } finally {
    lock.release();
  }
});

test('temporary files of killed writers are removed, those of living ones are not', async () => {
  const { state } = user.host.places;
  const old = await put(state, 'pairs/1/.baseline.0123456789ab.tmp', 'half');
  const fresh = await put(state, '.x.json.0123456789ab.tmp', 'half');
  await utimes(old, new Date(0), new Date(0));
  expect((await visit(user.host)).of('leftovers')).toMatchObject([{ level: 'warning' }]);
  const after = await visit(user.host, { fix: true });
  expect(after.of('leftovers')).toMatchObject([{ level: 'ok' }]);
  await expect(stat(old)).rejects.toMatchObject({ code: 'ENOENT' });
  expect((await stat(fresh)).size).toBe(4);
});

test('records that cannot be read are told, with where they lie', async () => {
  const { config, state } = user.host.places;
  const record = await put(state, 'mounts/acme-1/mount.json', '{"version": 1');
  await put(state, 'pairs/0123/pair.json', 'nonsense');
  await put(config, 'rclone.conf', '# Encrypted\n\nRCLONE_ENCRYPT_V0:\nabc');
  const seen = await visit(user.host);
  expect(seen.of('state-files')).toMatchObject([
    { level: 'failure', exitCode: 78 },
    { level: 'warning', summary: `The record of a mount is damaged: ${record}` },
  ]);
  expect(seen.of('pairs')).toMatchObject([{ level: 'warning' }]);
  expect(seen.of('pairs')[0]?.summary).toContain(join(state, 'pairs/0123'));
});

test('a full disk', async ({ skip }) => {
  const small = await makeSmallDisk(join(user.root, 'cloud', 'data'), 64 * 1024);
  if (!small) skip('only root can make a small disk');
  const seen = await visit(user.host);
  expect(
    seen
      .of('disk')
      .map(({ level }) => level)
      .sort(),
  ).toEqual(['failure', 'ok']);
  expect(seen.of('disk').find(({ level }) => level === 'failure')).toMatchObject({ exitCode: 1 });
});
