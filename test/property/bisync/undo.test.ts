import { rename, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AbortError } from '../../../src/output/errors.ts';
import { openDevice, type Device, type TestBucket } from '../../support/devices.ts';
import { startVersionedBucket, undoOn } from '../../support/undo.ts';

const PATHS = ['a.md', 'b.md', 'c.md', 'd/x.md', 'd/y.md', 'e/f/z.md'] as const;
const path = fc.constantFrom(...PATHS);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('write' as const), path }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), path }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('rename' as const), path, to: path }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
/** What both devices do before each syncs: first the other one, then the one that takes back. */
const round = fc.record({
  theirs: fc.array(step, { maxLength: 4 }),
  mine: fc.array(step, { maxLength: 4 }),
});

let writes = 0;
let takenBack = 0;

async function play(device: Device, steps: readonly Step[]): Promise<void> {
  for (const each of steps) {
    writes += 1;
    const present = (await device.files()).has(each.path);
    if (each.type === 'write') await device.write(each.path, `${each.path} ${writes}`);
    else if (present && each.type === 'remove') await device.remove(each.path);
    else if (present && each.type === 'rename' && !(await device.files()).has(each.to)) {
      await mkdir(dirname(join(device.root, each.to)), { recursive: true });
      await rename(join(device.root, each.path), join(device.root, each.to));
    }
  }
}

/** A guard is about what a person meant, and that is settled here. */
async function sync(device: Device): Promise<string[]> {
  const deps = { settledMs: 0 };
  try {
    const { conflicts } = await device.sync({}, deps);
    return conflicts.flatMap(({ path: met, copy }) => [met, copy]);
  } catch (error) {
    const planId = error instanceof AbortError ? error.details['planId'] : undefined;
    if (typeof planId !== 'string') throw error;
    const { conflicts } = await device.sync({ approve: planId }, deps);
    return conflicts.flatMap(({ path: met, copy }) => [met, copy]);
  }
}

async function bothSides(device: Device, bucket: TestBucket): Promise<Map<string, string>> {
  const files = await device.files();
  expect(await bucket.objects()).toEqual(files);
  return files;
}

function without(files: ReadonlyMap<string, string>, paths: readonly string[]): object {
  return Object.fromEntries([...files].filter(([each]) => !paths.includes(each)));
}

/** `CLOUD_TEST_UNDO_RUNS` asks for more histories. */
it('an undo of the last run gives both sides what they had agreed on before it, and can be taken back', async () => {
  const property = fc.asyncProperty(
    fc.array(round, { maxLength: 2 }),
    round,
    async (history, last) => {
      const bucket = await startVersionedBucket();
      const [mine, theirs] = [await openDevice(bucket, 'mine'), await openDevice(bucket, 'theirs')];
      try {
        for (const each of PATHS.slice(0, 4)) await mine.write(each, `first of ${each}`);
        await sync(mine);
        for (const each of history) {
          await sync(theirs);
          await play(theirs, each.theirs);
          await sync(theirs);
          await play(mine, each.mine);
          await sync(mine);
        }
        await sync(theirs);
        await sync(mine);
        const before = await bothSides(mine, bucket);
        await play(theirs, last.theirs);
        await sync(theirs);
        await play(mine, last.mine);
        const conflicts = await sync(mine);
        const after = await bothSides(mine, bucket);
        // Nothing was moved: then an undo would be of an earlier run.
        if (JSON.stringify([...before].sort()) === JSON.stringify([...after].sort())) return;
        const undone = await undoOn(mine, bucket);
        expect(undone.left.filter(({ reason }) => reason !== 'conflict')).toEqual([]);
        const back = await bothSides(mine, bucket);
        expect(without(back, conflicts)).toEqual(without(before, conflicts));
        for (const each of conflicts) expect(back.get(each)).toBe(after.get(each));
        expect(await sync(mine)).toEqual([]);
        expect(await bothSides(mine, bucket)).toEqual(back);
        takenBack += undone.done.length;
        if (undone.done.length > 0) {
          expect(await undoOn(mine, bucket)).toMatchObject({ exitCode: 0, left: [] });
          expect(await bothSides(mine, bucket)).toEqual(after);
        }
        await sync(theirs);
        expect(await theirs.files()).toEqual(await bucket.objects());
      } finally {
        await mine.dispose();
        await theirs.dispose();
        await bucket[Symbol.asyncDispose]();
      }
    },
  );
  const numRuns = Number(process.env['CLOUD_TEST_UNDO_RUNS'] ?? 6);
  await fc.assert(property, { numRuns, endOnFailure: true });
  expect(takenBack).toBeGreaterThan(0);
}, 300_000);
