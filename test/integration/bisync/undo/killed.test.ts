import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { testDevice } from '../../../support/test-devices.ts';
import { startVersionedBucket, undoOn } from '../../../support/undo.ts';

it('an undo that is killed at any step is healed by the next sync, and can be gone on with', async () => {
  const bucket = await startVersionedBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  const laptop = await testDevice(bucket, 'laptop');
  for (const name of ['edit.md', 'gone.md', 'stays.md']) await laptop.write(name, `old ${name}`);
  await laptop.sync();
  let killed = 0;
  // The steps that change files; some are of the journal, some of the folder and the trash.
  for (const [round, killAt] of [1, 6, 12, 18, 26, 36].entries()) {
    const before = await laptop.files();
    await laptop.write('edit.md', `new ${round}`);
    await laptop.remove('gone.md');
    await laptop.write(`deep/${round}.md`, `added ${round}`);
    const { runId } = await laptop.sync();
    const after = await laptop.files();
    const child = await laptop.spawn({}, { undo: runId, killAt });
    child.stdout?.resume();
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    if (signal === 'SIGKILL') killed += 1;
    const { problems, conflicts } = await laptop.sync();
    expect({ problems, conflicts }).toEqual({ problems: [], conflicts: [] });
    const healed = await laptop.files();
    expect(await bucket.objects(), `killed at ${killAt}`).toEqual(healed);
    for (const path of new Set([...before.keys(), ...after.keys()])) {
      expect([before.get(path), after.get(path)]).toContain(healed.get(path));
    }
    expect((await undoOn(laptop, bucket, { run: runId })).left).toEqual([]);
    expect(await laptop.files()).toEqual(before);
    expect(await bucket.objects()).toEqual(before);
    const names = await readdir(laptop.root);
    expect(names.filter((name) => name.startsWith('.cloud-tmp-'))).toEqual([]);
  }
  expect(killed).toBeGreaterThan(3);
}, 180_000);
