import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { createApiClient } from '../../../../src/api/client.ts';
import { restoreVersions, type RestoreRequest } from '../../../../src/bisync/undo/restore.ts';
import type { Device, TestBucket } from '../../../support/devices.ts';
import { testDevice } from '../../../support/test-devices.ts';
import { startVersionedBucket, undoOn, versionsOf } from '../../../support/undo.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  bucket = await startVersionedBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  laptop = await testDevice(bucket, 'laptop');
});

function restore(
  more: Partial<RestoreRequest> & Pick<RestoreRequest, 'file'>,
): ReturnType<typeof restoreVersions> {
  const api = createApiClient({ server: 'http://127.0.0.1:1' });
  const { signal } = new AbortController();
  const target = { access: bucket.access, localRoot: laptop.root, signal, api };
  return restoreVersions({ ...target, listVersions: versionsOf(bucket), ...more }, laptop.host);
}

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-restored-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it('a folder comes back as it was at a time, in place or elsewhere, and nothing is removed', async () => {
  await laptop.write('notes/a.md', 'a of noon');
  await laptop.write('notes/sub/b.md', 'b of noon');
  await laptop.write('notes-of-others.md', 'x');
  await laptop.sync();
  // A moment between the two versions.
  const noon = Date.now() + 1;
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(noon));
  await laptop.write('notes/a.md', 'a of the evening');
  await laptop.remove('notes/sub/b.md');
  await laptop.write('notes/new.md', 'new');
  await laptop.write('notes-of-others.md', 'y');
  await laptop.sync();

  const to = await emptyFolder();
  const at = { atMs: noon };
  const elsewhere = await restore({ file: 'notes', at, to });
  expect(elsewhere).toMatchObject({ exitCode: 0, runId: null });
  expect(await readFile(join(to, 'notes/sub/b.md'), 'utf8')).toBe('b of noon');
  const again = await restore({ file: 'notes', at, to });
  expect(again).toMatchObject({ exitCode: 3, done: [] });
  expect(again.left.map(({ reason }) => reason)).toEqual(['blocked', 'blocked']);

  const evening = await laptop.files();
  expect(await restore({ file: 'notes', at, dryRun: true })).toMatchObject({ runId: null });
  expect(await laptop.files()).toEqual(evening);
  expect(await restore({ file: join(laptop.root, 'notes'), at })).toMatchObject({ exitCode: 0 });
  const expected = new Map([
    ...evening,
    ['notes/a.md', 'a of noon'],
    ['notes/sub/b.md', 'b of noon'],
  ]);
  expect(await laptop.files()).toEqual(expected);
  expect(await bucket.objects()).toEqual(expected);
  expect(await undoOn(laptop, bucket)).toMatchObject({ exitCode: 0 });
  expect(await bucket.objects()).toEqual(evening);
});

it('what is not synced yet is left alone, here and in the cloud', async () => {
  for (const text of ['one', 'two']) {
    await laptop.write('here.md', text);
    await laptop.write('there.md', text);
    await laptop.sync();
  }
  await laptop.write('here.md', 'mine');
  await bucket.put('there.md', 'theirs');
  for (const file of ['here.md', 'there.md']) {
    const oldest = (await versionsOf(bucket)(file)).versions.at(-1);
    const result = await restore({ file, version: oldest!.version });
    expect(result).toMatchObject({
      exitCode: 3,
      done: [],
      left: [{ path: file, reason: 'changed' }],
    });
  }
  expect(await laptop.read('here.md')).toBe('mine');
  expect(await bucket.get('there.md')).toBe('theirs');
  await laptop.sync();
  expect(await bucket.objects()).toEqual(await laptop.files());
});

it('a key that may only read puts versions elsewhere, and takes nothing back', async () => {
  for (const text of ['one', 'two']) {
    await laptop.write('a.md', text);
    await laptop.sync();
  }
  const access = { ...bucket.access, permission: 'ro' as const };
  await expect(restore({ file: 'a.md', access })).rejects.toMatchObject({
    ...{ code: 'read-only-key', exitCode: 4 },
  });
  const to = await emptyFolder();
  expect(await restore({ file: 'a.md', access, to })).toMatchObject({ exitCode: 0 });
  expect(await readFile(join(to, 'a.md'), 'utf8')).toBe('one');
});

it('a key that the storage refuses is renewed once', async () => {
  for (const text of ['one', 'two']) {
    await laptop.write('a.md', text);
    await laptop.sync();
  }
  const access = { ...bucket.access, secretAccessKey: 'tsec_another' };
  await expect(restore({ file: 'a.md', access })).rejects.toMatchObject({ code: 'needs-login' });
  const renewAccess = (): Promise<typeof access> => Promise.resolve(bucket.access);
  expect(await restore({ file: 'a.md', access, renewAccess })).toMatchObject({ exitCode: 0 });
  expect(await bucket.get('a.md')).toBe('one');
});

it('what cannot be meant is refused in words', async () => {
  await laptop.write('folder/a.md', 'one');
  await laptop.sync();
  const cases = [
    [{ file: '../outside.md' }, 'bad-path'],
    [{ file: 'folder' }, 'bad-choice'],
    [{ file: 'folder/a.md' }, 'no-version'],
    [{ file: 'never.md', at: { agoMs: 0 } }, 'no-version'],
    [{ file: 'folder/a.md', at: { atMs: Date.now() + 3_600_000 } }, 'bad-value'],
    [{ file: 'folder/a.md', version: 'x' }, 'no-such-version'],
    [{ file: 'folder/a.md', version: '1000000000000000000' }, 'no-such-version'],
  ] as const;
  await expect(
    restore({ file: 'folder/a.md', at: { agoMs: 0 }, to: join(laptop.root, 'folder/a.md') }),
  ).rejects.toMatchObject({ code: 'bad-path', exitCode: 2 });
  for (const [request, code] of cases) {
    await expect(restore(request), code).rejects.toMatchObject({ code });
  }
});
