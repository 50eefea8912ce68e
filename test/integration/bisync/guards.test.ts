import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { checkBothSides } from '../../../src/bisync/check.ts';
import { readStatus } from '../../../src/bisync/pair.ts';
import { AbortError } from '../../../src/output/errors.ts';
import { acquireLock } from '../../../src/platform/lock.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

async function syncedFiles(number: number): Promise<void> {
  for (let index = 0; index < number; index += 1) await laptop.write(`f${index}.md`, `${index}`);
  await laptop.sync();
}

async function failure(work: Promise<unknown>): Promise<AbortError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AbortError)) throw new Error('expected an AbortError', { cause: error });
  return error;
}

async function status(): ReturnType<typeof readStatus> {
  return readStatus(await pairFolder());
}

async function pairFolder(): Promise<string> {
  const pairs = join(laptop.host.places.state, 'pairs');
  return join(pairs, (await readdir(pairs))[0]!);
}

describe('the delete guard', () => {
  it('stops a run that deletes too much, and one command approves it', async () => {
    await syncedFiles(10);
    for (const index of [0, 1, 2]) await laptop.remove(`f${index}.md`);
    const stop = await failure(laptop.sync());
    expect(stop).toMatchObject({ code: 'halted-delete-guard', exitCode: 78 });
    expect(stop.message).toContain('3 files of 10 (30 %)');
    expect((await bucket.objects()).size).toBe(10);
    const planId = String(stop.details['planId']);
    expect(await status()).toMatchObject({ state: 'halted-delete-guard', planId });
    expect(stop.suggestions.join()).toContain(`cloud bisync --approve ${planId}`);
    expect((await laptop.sync({ approve: planId })).counts.deletedRemote).toBe(3);
    expect(await laptop.files()).toEqual(await bucket.objects());
    expect(await status()).toMatchObject({ state: 'idle' });
  });

  it('counts deletes on the other side, and each profile has its own bound', async () => {
    await syncedFiles(10);
    for (const index of [0, 1, 2]) await bucket.remove(`f${index}.md`);
    expect(await failure(laptop.sync({ profile: 'safe' }))).toMatchObject({
      code: 'halted-delete-guard',
      details: { side: 'local' },
    });
    expect((await laptop.files()).size).toBe(10);
    expect((await laptop.sync({ profile: 'fast' })).counts.deletedLocal).toBe(3);
    expect(await laptop.trash()).toEqual(expect.arrayContaining(['0', '1', '2']));
  });

  it('takes a moved folder for renames', async () => {
    for (let index = 0; index < 10; index += 1) await laptop.write(`old/f${index}.md`, `${index}`);
    await laptop.sync();
    await rename(join(laptop.root, 'old'), join(laptop.root, 'new'));
    const result = await laptop.sync();
    expect(result.counts).toMatchObject({ renamed: 10, deletedRemote: 10, uploaded: 10 });
    expect(await laptop.files()).toEqual(await bucket.objects());
  });

  it('halts when a whole side is suddenly empty', async () => {
    await syncedFiles(4);
    for (let index = 0; index < 4; index += 1) await laptop.remove(`f${index}.md`);
    const stop = await failure(laptop.sync());
    expect(stop).toMatchObject({ code: 'halted-root-emptied', exitCode: 78 });
    expect((await bucket.objects()).size).toBe(4);
  });

  it('halts when the bucket is empty, check file and all', async () => {
    await syncedFiles(4);
    const keys = [...(await bucket.objects()).keys(), '.cloud-access'];
    for (const key of keys) await bucket.remove(key);
    for (const profile of ['balanced', 'fast'] as const) {
      const stop = await failure(laptop.sync({ profile }));
      expect(stop).toMatchObject({ code: 'halted-root-emptied', exitCode: 78 });
    }
    expect((await laptop.files()).size).toBe(4);
    expect((await laptop.sync({ resync: true })).counts.uploaded).toBe(4);
  });

  it('does not take the last file either when the check file is gone', async () => {
    await syncedFiles(1);
    for (const key of ['f0.md', '.cloud-access']) await bucket.remove(key);
    const stop = await failure(laptop.sync());
    expect(stop).toMatchObject({ code: 'halted-marker-missing', exitCode: 78 });
    expect((await laptop.files()).size).toBe(1);
  });
});

describe('the folder marker', () => {
  it('its absence halts, and --resync unites both sides', async () => {
    await syncedFiles(3);
    await rename(laptop.root, `${laptop.root}.away`);
    expect(await failure(laptop.sync())).toMatchObject({
      code: 'halted-marker-missing',
      exitCode: 78,
    });
    await mkdir(laptop.root);
    expect(await failure(laptop.sync())).toMatchObject({
      code: 'halted-marker-missing',
      exitCode: 78,
    });
    expect(await readdir(laptop.root)).toEqual([]);
    expect((await bucket.objects()).size).toBe(3);
    await laptop.write('extra.md', 'extra');
    const united = await laptop.sync({ resync: true });
    expect(united).toMatchObject({ united: true, counts: { downloaded: 3, uploaded: 1 } });
  });

  it('a folder that belongs to another bucket is refused', async () => {
    await syncedFiles(2);
    const access = { ...bucket.access, bucket: 'another-bucket' };
    expect(await failure(laptop.sync({ access }))).toMatchObject({
      code: 'folder-overlap',
      exitCode: 2,
    });
  });

  it('a folder inside a synced folder is refused', async () => {
    await syncedFiles(1);
    const inner = join(laptop.root, 'inner');
    expect(await failure(laptop.sync({ localRoot: inner }))).toMatchObject({
      code: 'folder-overlap',
      exitCode: 2,
    });
    expect(existsSync(inner)).toBe(false);
    const file = join(laptop.root, '..', 'a-file');
    await writeFile(file, '');
    expect(await failure(laptop.sync({ localRoot: file }))).toMatchObject({
      code: 'not-a-folder',
      exitCode: 2,
    });
  });
});

describe('a dry run', () => {
  it('changes nothing, not even in a folder that was never synced', async () => {
    await laptop.write('a.md', 'a');
    await bucket.put('b.md', 'b');
    const plan = await laptop.sync({ dryRun: true });
    expect(plan.planned).toEqual([
      { action: 'upload', path: 'a.md', size: 1 },
      { action: 'download', path: 'b.md', size: 1 },
    ]);
    expect(await readdir(laptop.root)).toEqual(['a.md']);
    expect([...(await bucket.objects()).keys()]).toEqual(['b.md']);
    expect(bucket.store.requests.count('PutObject')).toBe(1);
    expect((await laptop.sync()).counts).toMatchObject({ uploaded: 1, downloaded: 1 });
  });

  it('is a plan that can be approved, and is refused when a path of it changed', async () => {
    await syncedFiles(5);
    await laptop.write('f0.md', 'edited');
    await bucket.put('f1.md', 'edited there');
    const { planId } = await laptop.sync({ dryRun: true });
    await bucket.put('f1.md', 'edited there again');
    const refused = await failure(laptop.sync({ approve: planId! }));
    expect(refused).toMatchObject({
      code: 'plan-changed',
      exitCode: 78,
      details: { changed: ['f1.md'] },
    });
    expect(await bucket.get('f0.md')).toBe('0');
    const again = await laptop.sync({ dryRun: true });
    await laptop.write('f0.md', 'edited once more');
    expect(await failure(laptop.sync({ approve: again.planId! }))).toMatchObject({
      code: 'plan-changed',
    });
    const last = await laptop.sync({ dryRun: true });
    await laptop.write('later.md', 'not in the plan');
    expect((await laptop.sync({ approve: last.planId! })).counts).toMatchObject({
      uploaded: 1,
      downloaded: 1,
    });
    expect(await bucket.get('later.md')).toBeUndefined();
    expect(await failure(laptop.sync({ approve: '../../x' }))).toMatchObject({
      code: 'unknown-plan',
      exitCode: 2,
    });
  });
});

describe('conflicts', () => {
  async function bothEdited(): Promise<void> {
    await laptop.write('note.md', 'agreed');
    await laptop.sync();
    await laptop.write('note.md', 'mine, longer');
    await bucket.put('note.md', 'theirs', { 'x-amz-meta-mtime': '1000000000' });
  }

  it('stay open under safe until a person chooses', async () => {
    await bothEdited();
    const result = await laptop.sync({ profile: 'safe' });
    expect(result).toMatchObject({ state: 'conflicts', exitCode: 3, openConflicts: 1 });
    expect(await laptop.read('note.md')).toBe('theirs');
    const copy = result.conflicts[0]!.copy;
    expect(copy).toMatch(/^note \(conflict .+ \d{4}-\d\d-\d\d 1\)\.md$/);
    expect(await bucket.get(copy)).toBe('mine, longer');
    expect(await laptop.sync({ profile: 'safe' })).toMatchObject({ exitCode: 3, openConflicts: 1 });
    await laptop.remove(copy);
    expect(await laptop.sync({ profile: 'safe' })).toMatchObject({ exitCode: 0, state: 'idle' });
  });

  it.each([
    ['newer', 'mine, longer'],
    ['larger', 'mine, longer'],
    ['local', 'mine, longer'],
    ['cloud', 'theirs'],
  ] as const)('strategy %s lets one keep the name and keeps the other', async (conflicts, kept) => {
    await bothEdited();
    const result = await laptop.sync({ conflicts });
    expect(result).toMatchObject({ exitCode: 0, counts: { conflicts: 1 } });
    expect(await laptop.read('note.md')).toBe(kept);
    expect(await laptop.files()).toEqual(await bucket.objects());
    expect([...(await laptop.files()).values()].sort()).toEqual(['mine, longer', 'theirs']);
    expect((await laptop.sync()).counts).toMatchObject({ conflicts: 0, unchanged: 2 });
  });

  it('number their copies and never overwrite one', async () => {
    await bothEdited();
    await laptop.sync();
    await laptop.write('note.md', 'mine again');
    await bucket.put('note.md', 'theirs again', { 'x-amz-meta-mtime': '1000000000' });
    await laptop.sync();
    expect([...(await laptop.files()).values()].sort()).toEqual(
      ['mine again', 'theirs', 'theirs again'].sort(),
    );
  });
});

describe('trouble', () => {
  it('says who holds the lock', async () => {
    await syncedFiles(1);
    const lock = await acquireLock(join(await pairFolder(), 'lock'), { command: 'somebody' });
    await expect(laptop.sync()).rejects.toMatchObject({ name: 'LockHeldError' });
    lock.release();
    expect((await laptop.sync()).exitCode).toBe(0);
  });

  it('a revoked key needs a login, and a storage that is away is offline', async () => {
    await syncedFiles(1);
    const access = { ...bucket.access, accessKeyId: 'tid_unknown' };
    expect(await failure(laptop.sync({ access }))).toMatchObject({
      code: 'needs-login',
      exitCode: 4,
    });
    expect(await status()).toMatchObject({ state: 'needs-login' });
    await bucket.store.close();
    expect(await failure(laptop.sync())).toMatchObject({ code: 'offline', exitCode: 5 });
    expect(await status()).toMatchObject({ state: 'offline' });
  });

  it('a storage that fails and cuts connections now and then only takes longer', async () => {
    await laptop.sync();
    for (let index = 0; index < 40; index += 1) await laptop.write(`up/${index}.md`, `up ${index}`);
    for (let index = 0; index < 40; index += 1)
      await bucket.put(`down/${index}.md`, `down ${index}`);
    const only = ['PutObject', 'GetObject', 'HeadObject', 'DeleteObject'];
    bucket.store.faults.set({
      errorRate: 0.15,
      cutRate: 0.15,
      errorCode: 'InternalError',
      only,
      seed: 7,
    });
    const result = await laptop.sync();
    expect(result.conflicts).toEqual([]);
    bucket.store.faults.clear();
    await laptop.sync();
    expect(await laptop.files()).toEqual(await bucket.objects());
    expect((await laptop.files()).size).toBe(80);
  });

  it('a key that may only read downloads and says what it could not upload', async () => {
    await syncedFiles(3);
    await bucket.put('theirs.md', 'theirs');
    await laptop.write('mine.md', 'mine');
    const result = await laptop.sync({ access: { ...bucket.access, permission: 'ro' } });
    expect(result.problems).toMatchObject([{ path: 'mine.md', reason: 'read-only-key' }]);
    expect(await laptop.read('theirs.md')).toBe('theirs');
    expect(existsSync(join(laptop.root, 'mine.md'))).toBe(true);
  });

  it('works without the trash on the same file system', async () => {
    await syncedFiles(3);
    const other = '/dev/shm';
    const host = laptop.host;
    const far = join(other, `cloud-trash-${process.pid}`);
    onTestFinished(() => rm(far, { recursive: true, force: true }));
    await mkdir(far, { recursive: true });
    Object.assign(host.places, { data: far });
    await bucket.put('f0.md', 'replaced');
    expect((await laptop.sync()).counts.downloaded).toBe(1);
    expect(await laptop.trash()).toContain('0');
    expect((await laptop.sync()).exitCode).toBe(0);
    expect(await laptop.files()).toEqual(await bucket.objects());
  });
});

describe('check', () => {
  it('compares both sides by checksum and changes nothing', async () => {
    const options = await laptop.options();
    expect(await failure(checkBothSides(options, laptop.host))).toMatchObject({
      code: 'never-synced',
      exitCode: 10,
    });
    await syncedFiles(4);
    expect(await checkBothSides(options, laptop.host)).toMatchObject({ exitCode: 0, equal: 4 });
    await laptop.write('f0.md', 'x');
    await laptop.write('here.md', 'x');
    await bucket.put('there.md', 'x');
    bucket.store.requests.reset();
    expect(await checkBothSides(options, laptop.host)).toMatchObject({
      ...{ exitCode: 8, equal: 3, different: ['f0.md'] },
      ...{ onlyLocal: ['here.md'], onlyRemote: ['there.md'], skipped: [] },
    });
    const kinds = Object.keys(bucket.store.requests.counts());
    expect(kinds.filter((kind) => /^(Put|Delete|Copy)/.test(kind))).toEqual([]);
  });
});
