import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket, testDevice } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

/** A plan with one step of each kind. */
async function planned(): Promise<string> {
  for (const name of ['up', 'down', 'gone-here', 'gone-there', 'both', 'moved', 'same']) {
    await laptop.write(`${name}.md`, `old ${name}`);
  }
  await laptop.sync();
  await laptop.write('up.md', 'new up');
  await bucket.put('down.md', 'new down');
  await laptop.remove('gone-here.md');
  await bucket.remove('gone-there.md');
  await laptop.write('both.md', 'mine');
  await bucket.put('both.md', 'theirs');
  await rename(join(laptop.root, 'moved.md'), join(laptop.root, 'elsewhere.md'));
  const { planId, planned: steps } = await laptop.sync({ dryRun: true, conflicts: 'local' });
  expect(steps.map(({ action }) => action).sort()).toEqual([
    ...['conflict', 'delete-local', 'delete-remote', 'download', 'rename', 'upload'],
  ]);
  return planId ?? '';
}

it('does exactly what was planned, its choice in a conflict included, and nothing that came since', async () => {
  const approve = await planned();
  await laptop.write('later.md', 'later');
  await bucket.put('there-later.md', 'later there');
  const result = await laptop.sync({ approve, conflicts: 'cloud', profile: 'safe' });
  expect(result).toMatchObject({
    exitCode: 0,
    counts: { uploaded: 4, downloaded: 1, deletedLocal: 1, deletedRemote: 2, renamed: 1 },
    conflicts: [{ path: 'both.md', kept: 'local' }],
  });
  expect(await bucket.get('later.md')).toBeUndefined();
  expect(await laptop.read('there-later.md')).toBeUndefined();
  expect((await laptop.sync()).counts).toMatchObject({ uploaded: 1, downloaded: 1 });
});

it('is refused whole after any change of a path in it, on either side', async () => {
  const approve = await planned();
  const here = (path: string, text: string) => (): Promise<void> => laptop.write(path, text);
  const there = (path: string, text: string) => (): Promise<void> => bucket.put(path, text);
  // What is changed, and what undoes it.
  const changes: [string, () => Promise<void>, () => Promise<void>][] = [
    ['upload, here', here('up.md', 'NEW UP'), here('up.md', 'new up')],
    ['upload, there', there('up.md', 'theirs'), there('up.md', 'old up')],
    ['upload, agreed by others', there('up.md', 'new up'), there('up.md', 'old up')],
    ['download, there', there('down.md', 'NEW DOWN'), there('down.md', 'new down')],
    ['download, here', here('down.md', 'mine'), here('down.md', 'old down')],
    ['delete, back', here('gone-here.md', 'old gone-here'), () => laptop.remove('gone-here.md')],
    ['delete, there', there('gone-here.md', 'edit'), there('gone-here.md', 'old gone-here')],
    ['delete, here', here('gone-there.md', 'edit'), here('gone-there.md', 'old gone-there')],
    ['conflict, here', here('both.md', 'MINE'), here('both.md', 'mine')],
    ['conflict, there', there('both.md', 'THEIRS'), there('both.md', 'theirs')],
    ['rename, edited', here('elsewhere.md', 'edit'), here('elsewhere.md', 'old moved')],
    ['rename, taken', there('elsewhere.md', 'x'), () => bucket.remove('elsewhere.md')],
  ];
  for (const [what, change, undo] of changes) {
    await change();
    const before = [await laptop.files(), await bucket.objects()];
    const refused = laptop.sync({ approve });
    await expect(refused, what).rejects.toMatchObject({ code: 'plan-changed', exitCode: 78 });
    expect([await laptop.files(), await bucket.objects()], what).toEqual(before);
    await undo();
  }
  expect(await laptop.sync({ approve })).toMatchObject({ exitCode: 0 });
}, 30_000);

it('is refused when the plan is gone, or of another folder', async () => {
  const approve = await planned();
  const other = await testDevice(bucket, 'other');
  await expect(other.sync({ approve })).rejects.toMatchObject({
    code: 'unknown-plan',
    exitCode: 2,
  });
  const pairs = join(laptop.host.places.state, 'pairs');
  await rm(join(pairs, (await readdir(pairs))[0]!, 'plans'), { recursive: true });
  await expect(laptop.sync({ approve })).rejects.toMatchObject({ code: 'unknown-plan' });
});
