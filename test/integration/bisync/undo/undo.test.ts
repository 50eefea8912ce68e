import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AbortError } from '../../../../src/output/errors.ts';
import { readMemory } from '../../../../src/bisync/pair-memory.ts';
import { pairFolder, readPairs } from '../../../../src/bisync/pair.ts';
import { resolveConflicts } from '../../../../src/bisync/resolve-conflicts.ts';
import type { Device, TestBucket } from '../../../support/devices.ts';
import { testBucket, testDevice } from '../../../support/test-devices.ts';
import { startVersionedBucket, undoOn } from '../../../support/undo.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  bucket = await startVersionedBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  laptop = await testDevice(bucket, 'laptop');
});

async function bothSides(): Promise<Map<string, string>> {
  const files = await laptop.files();
  expect(await bucket.objects()).toEqual(files);
  return files;
}

/** Ten notes that are on both sides. */
async function tenNotes(): Promise<Map<string, string>> {
  for (let index = 0; index < 10; index += 1) await laptop.write(`n${index}.md`, `note ${index}`);
  await laptop.sync();
  return bothSides();
}

describe('a run', () => {
  it('is taken back on both sides: edits, new and deleted files, in both directions', async () => {
    const before = await tenNotes();
    await laptop.write('n0.md', 'edited here');
    await bucket.put('n1.md', 'edited there');
    await laptop.remove('n2.md');
    await bucket.remove('n3.md');
    await laptop.write('deep/er/new.md', 'new here');
    await bucket.put('other/new.md', 'new there');
    await rename(join(laptop.root, 'n4.md'), join(laptop.root, 'renamed.md'));
    const { runId } = await laptop.sync();
    const after = await bothSides();
    expect(after.get('n0.md')).toBe('edited here');

    const planned = await undoOn(laptop, bucket, { dryRun: true });
    expect(planned).toMatchObject({ dryRun: true, runId: null, left: [], run: { id: runId } });
    expect(await bothSides()).toEqual(after);

    const undone = await undoOn(laptop, bucket);
    expect(undone).toMatchObject({ exitCode: 0, left: [], run: { id: runId } });
    expect(undone.done.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual(
      planned.done.toSorted((a, b) => a.path.localeCompare(b.path)),
    );
    expect(undone.done).toHaveLength(8);
    expect(await bothSides()).toEqual(before);
    expect((await laptop.sync()).counts).toMatchObject({
      uploaded: 0,
      downloaded: 0,
      unchanged: 10,
    });

    const again = await undoOn(laptop, bucket);
    expect(again).toMatchObject({ exitCode: 0, left: [], run: { id: undone.runId } });
    expect(await bothSides()).toEqual(after);
  });

  it('stays where somebody has changed something since, and is told of', async () => {
    await tenNotes();
    for (const index of [0, 1, 2, 3]) await laptop.write(`n${index}.md`, `edited ${index}`);
    const { runId } = await laptop.sync();
    await laptop.write('n0.md', 'once more here');
    await bucket.put('n1.md', 'once more there');
    await laptop.write('n2.md', 'by a later sync');
    const undone = await undoOn(laptop, bucket, { run: runId.slice(-6) });
    expect(undone).toMatchObject({ exitCode: 3, done: [{ path: 'n3.md', action: 'restored' }] });
    expect(undone.left.map(({ path, reason }) => [path, reason])).toEqual([
      ['n0.md', 'changed'],
      ['n1.md', 'changed'],
      ['n2.md', 'changed'],
    ]);
    expect(await laptop.read('n0.md')).toBe('once more here');
    expect(await bucket.get('n1.md')).toBe('once more there');
    expect(await laptop.read('n3.md')).toBe('note 3');
    await laptop.sync();
    expect((await bothSides()).get('n1.md')).toBe('once more there');
  });

  it('that met a conflict leaves both versions, and says so', async () => {
    await tenNotes();
    await laptop.write('n0.md', 'mine');
    await bucket.put('n0.md', 'theirs');
    await laptop.sync();
    const before = await bothSides();
    const undone = await undoOn(laptop, bucket);
    expect(undone).toMatchObject({ exitCode: 3, done: [], left: [{ reason: 'conflict' }] });
    expect(await bothSides()).toEqual(before);
  });

  it('is named by its id; what is none, is refused', async () => {
    await expect(undoOn(laptop, bucket)).rejects.toMatchObject({ code: 'never-synced' });
    await laptop.sync();
    await expect(undoOn(laptop, bucket)).rejects.toMatchObject({ code: 'nothing-to-undo' });
    await tenNotes();
    await expect(undoOn(laptop, bucket, { run: 'x' })).rejects.toMatchObject({
      ...{ code: 'no-such-run', exitCode: 2 },
    });
  });
});

it('without versions in the bucket, what the trash has comes back and the rest is told', async () => {
  const plain = await testBucket();
  const desktop = await testDevice(plain, 'desktop');
  for (const name of ['up.md', 'down.md', 'gone.md']) await desktop.write(name, `old ${name}`);
  await desktop.sync();
  await desktop.write('up.md', 'new');
  await plain.put('down.md', 'new');
  await plain.remove('gone.md');
  await desktop.sync();
  const listVersions = (): Promise<never> =>
    Promise.reject(new AbortError('no-snapshots', 'none', { exitCode: 1 }));
  const undone = await undoOn(desktop, plain, { listVersions });
  expect(undone).toMatchObject({ exitCode: 3, left: [{ path: 'up.md', reason: 'not-found' }] });
  expect(undone.left[0]?.message).toContain('the bucket keeps no versions');
  expect(undone.done.map(({ from }) => from)).toEqual(['trash', 'trash']);
  expect(await plain.objects()).toEqual(
    new Map([
      ['down.md', 'old down.md'],
      ['gone.md', 'old gone.md'],
      ['up.md', 'new'],
    ]),
  );
});

it.each(['local', 'cloud', 'both'] as const)(
  'a choice of %s is taken back, and waits again',
  async (keep) => {
    await tenNotes();
    await laptop.write('n0.md', 'mine');
    await bucket.put('n0.md', 'theirs');
    await laptop.sync({ profile: 'safe' });
    const inConflict = await bothSides();
    const open = async (): Promise<number> => {
      const [pair] = await readPairs(laptop.host);
      return (await readMemory(pairFolder(laptop.host, pair!.id))).openConflicts.length;
    };
    expect(await open()).toBe(1);
    await resolveConflicts(
      { access: bucket.access, localRoot: laptop.root, paths: 'all', keep },
      laptop.host,
    );
    if (keep === 'both') await laptop.sync();
    const resolved = await bothSides();
    expect(await open()).toBe(0);
    const undone = await undoOn(laptop, bucket);
    expect(undone).toMatchObject({ left: [], openConflicts: 1 });
    expect(await bothSides()).toEqual(inConflict);
    expect(await open()).toBe(1);
    expect(await undoOn(laptop, bucket)).toMatchObject({ left: [], openConflicts: 0 });
    expect(await bothSides()).toEqual(resolved);
    expect(await open()).toBe(0);
  },
);
