import { appendFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runBisync } from '../../../src/bisync/run.ts';
import { removeWatchRecord, writeWatchRecord } from '../../../src/bisync/watch/watch-record.ts';
import { acquireLock } from '../../../src/platform/lock.ts';
import { currentProcess } from '../../../src/platform/processes.ts';
import { openSession } from '../../../src/session/open.ts';
import { createS3Client } from '../../../src/s3/client.ts';
import { visit } from '../../support/doctor.ts';
import { openMountUser, type MountUser } from '../../support/mount-user.ts';
import { realRclone } from '../../support/rclone.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['marker', 'files', 'state', 'limits'] });
});
afterAll(() => server.close());

interface Synced extends MountUser {
  root: string;
  /** The pair's state folder. */
  state: string;
  sync(): Promise<unknown>;
}

/** Somebody with a folder of three files in sync. */
async function syncedUser(slug: string): Promise<Synced> {
  const user = await openMountUser(server, slug);
  const root = join(user.root, 'home', 'Cloud');
  await mkdir(join(root, 'sub'), { recursive: true });
  for (const name of ['a.md', 'b.md', 'sub/c.md']) await writeFile(join(root, name), `${name}\n`);
  const rclone = await realRclone();
  const sync = async (): Promise<unknown> => {
    const access = await (await openSession(user.host, {})).bucketAccess();
    const options = { access, rclone, localRoot: root, profile: 'balanced' as const };
    return runBisync(options, user.host, () => undefined);
  };
  await sync();
  const pairs = join(user.host.places.state, 'pairs');
  const [id = ''] = await readdir(pairs);
  return { ...user, root, state: join(pairs, id), sync };
}

test('a marker is written anew only where every agreed file proves the folder', async () => {
  const user = await syncedUser('marker');
  const { host, root } = user;
  expect((await visit(host)).trouble).toEqual([]);
  const marker = join(root, '.cloud-pair.json');
  await rm(marker);
  await writeFile(join(root, 'b.md'), 'edited, perhaps on another disk\n');
  const seen = await visit(host, { fix: true });
  expect(seen.exitCode).toBe(78);
  expect(seen.fixed).toMatchObject([{ check: 'pairs', did: null }]);
  expect(seen.fixed[0]?.error).toContain('b.md is another version');
  expect(seen.of('pairs')[0]?.cure?.command).toBe(`cloud bisync --path ${root} --resync`);
  // The empty place of a disk that is not mounted.
  await rename(root, `${root}.disk`);
  await mkdir(root);
  const empty = await visit(host, { fix: true });
  expect(empty.fixed[0]?.error).toContain('a.md is not there');
  expect(await readdir(root)).toEqual([]);
  await rm(root, { recursive: true });
  const gone = await visit(host, { fix: true });
  expect(gone.of('pairs')).toMatchObject([{ level: 'failure', exitCode: 78 }]);
  expect(gone.fixed).toEqual([]);
  await rename(`${root}.disk`, root);
  await writeFile(join(root, 'b.md'), 'b.md\n');
  await rm(join(root, '.cloud-access'));
  const after = await visit(host, { fix: true });
  expect(after.fixed.map(({ did }) => did)).toEqual([
    `wrote the folder marker in ${root}: 3 files there, each as agreed`,
    `put .cloud-access back into ${root}`,
  ]);
  expect(after.trouble).toEqual([]);
  expect(await user.sync()).toMatchObject({ exitCode: 0, counts: { uploaded: 0, downloaded: 0 } });
  await writeFile(marker, '{"pair":"0123456789abcdef"}');
  const other = await visit(host, { fix: true });
  expect(other.of('pairs')).toMatchObject([{ level: 'failure', exitCode: 78 }]);
  expect(other.fixed).toEqual([]);
});

test('a check file is put back into the bucket only where agreed objects prove it', async () => {
  const user = await syncedUser('files');
  const access = await (await openSession(user.host, {})).bucketAccess();
  const s3 = createS3Client(access);
  try {
    const drop = async (key: string): Promise<void> => {
      await s3.delete(key, (await s3.head(key))?.etag);
    };
    await drop('.cloud-access');
    const seen = await visit(user.host);
    expect(seen.of('check-files')).toMatchObject([{ level: 'failure', exitCode: 78 }]);
    const after = await visit(user.host, { fix: true });
    expect(after.fixed).toMatchObject([{ check: 'check-files', error: null }]);
    expect(after.trouble).toEqual([]);
    await drop('.cloud-access');
    await drop('sub/c.md');
    const other = await visit(user.host, { fix: true });
    expect(other.fixed[0]?.error).toContain('sub/c.md is not there');
    expect(await s3.head('.cloud-access')).toBeUndefined();
  } finally {
    s3.close();
  }
});

test('damage in the state of a pair is told, and which sync cures it', async () => {
  const { host, state, sync, root } = await syncedUser('state');
  await appendFile(join(state, 'baseline'), 'x');
  await writeFile(join(state, 'journal'), '{"type":"put","path":"a.md","size":1,"md5":"0"}\n');
  const seen = await visit(host, { fix: true });
  expect(seen.exitCode).toBe(0);
  expect(seen.trouble).toEqual([
    `pairs: What both sides of ${root} agreed on is damaged`,
    `pairs: The last sync of ${root} did not come to its end`,
  ]);
  // Looking has not moved it.
  expect(await readdir(state)).toContain('baseline');
  const lock = await acquireLock(join(state, 'lock'), { command: 'cloud bisync' });
  expect((await visit(host)).of('pairs')).toMatchObject([
    { level: 'ok', summary: `${root} is being synced now` },
  ]);
  lock.release();
  await sync();
  expect((await visit(host)).trouble).toEqual([]);
  // What a watcher leaves that was ended in good order: all of it settled, to be folded in by the next run.
  await writeFile(join(state, 'journal'), settledJournal(join(root, 'x.cloud-temporary')));
  expect((await visit(host)).trouble).toEqual([]);
  // Between two changes a watcher's journal is what it has settled so far.
  await writeFile(join(state, 'journal'), '{"type":"put","path":"a.md","size":1,"md5":"0"}\n');
  await writeWatchRecord(state, {
    ...{ version: 1, nonce: 'n', process: currentProcess(), control: '' },
    ...{ command: 'cloud bisync --watch', at: '2026-11-22T00:00:00Z' },
  });
  expect((await visit(host)).of('pairs')).toMatchObject([
    { level: 'ok', summary: `${root} is being synced now` },
  ]);
  removeWatchRecord(state, 'n');
  await sync();
  await writeFile(join(root, 'a (conflict laptop 2026-11-22 1).md'), 'theirs');
  const conflict = { path: 'a.md', kept: 'cloud', copy: 'a (conflict laptop 2026-11-22 1).md' };
  const open = { ...conflict, open: true, at: '2026-11-22T00:00:00Z' };
  await writeFile(
    join(state, 'memory.json'),
    JSON.stringify({ openConflicts: [open], asides: [] }),
  );
  expect((await visit(host)).trouble).toEqual([`pairs: 1 open conflict in ${root}`]);
  await rm(join(root, conflict.copy));
  expect((await visit(host)).trouble).toEqual([]);
});

test('the limit of watches is held against the number of folders', async () => {
  const { host } = await syncedUser('limits');
  const limits = (watches: string) => ({
    readSystemFile: (path: string) =>
      Promise.resolve(path.endsWith('max_user_watches') ? `${watches}\n` : '128\n'),
  });
  expect((await visit(host, {}, limits('8192'))).of('inotify')).toMatchObject([
    { level: 'ok', summary: '2 folders to watch, of 8,192 that this system allows' },
  ]);
  expect((await visit(host, {}, limits('2'))).of('inotify')).toMatchObject([{ level: 'warning' }]);
});

/** Content was sent, and a temporary file got its name; both are settled. */
function settledJournal(temporary: string): string {
  const entry = { size: 1, md5: '0', etag: null };
  return [
    { type: 'put', path: 'a.md', size: 1, md5: '0' },
    { type: 'settled', path: 'a.md', entry },
    { type: 'temporary', file: temporary },
    { type: 'placing', path: 'sub/c.md', temporary, changed: '1', entry },
    { type: 'settled', path: 'sub/c.md', entry },
  ]
    .map((record) => `${JSON.stringify(record)}\n`)
    .join('');
}
