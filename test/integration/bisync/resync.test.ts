import { beforeEach, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

it('--resync deletes nothing, not even after a PUT whose reply was cut', async () => {
  await laptop.write('keep.md', 'kept');
  await laptop.sync();
  await laptop.write('a.md', 'sent');
  bucket.store.faults.set({ cutRate: 1, cutAt: ['reply'], only: ['PutObject', 'HeadObject'] });
  await laptop.sync();
  bucket.store.faults.clear();
  await laptop.remove('a.md');
  await laptop.remove('keep.md');
  expect(await laptop.sync({ resync: true })).toMatchObject({
    united: true,
    counts: { deletedRemote: 0, deletedLocal: 0, downloaded: 2 },
  });
  expect(await bucket.get('a.md')).toBe('sent');
}, 30_000);

it('a --resync that is stopped leaves no old baseline for the next run to delete by', async () => {
  for (let index = 0; index < 8; index += 1) await laptop.write(`f${index}.md`, `${index}`);
  await laptop.sync();
  // A folder that was restored in part, without its marker.
  for (const path of ['.cloud-pair.json', 'f0.md', 'f1.md']) await laptop.remove(path);
  await expect(laptop.sync()).rejects.toMatchObject({ code: 'halted-marker-missing' });
  const stop = new AbortController();
  const afterPlan = async (): Promise<void> => {
    stop.abort(new Error('stopped'));
    await Promise.resolve();
  };
  const options = { resync: true, signal: stop.signal };
  await expect(laptop.sync(options, { afterPlan })).rejects.toThrow('stopped');
  expect(await laptop.sync()).toMatchObject({
    united: true,
    counts: { downloaded: 2, deletedRemote: 0 },
  });
  expect((await bucket.objects()).size).toBe(8);
}, 30_000);
