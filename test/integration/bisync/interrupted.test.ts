import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { readStatus } from '../../../src/bisync/pair.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

it('a write whose reply was cut stays known as ours, also after a run that had nothing to do', async () => {
  await laptop.write('a.md', 'one');
  await laptop.sync();
  await laptop.write('a.md', 'two');
  bucket.store.faults.set({ cutRate: 1, cutAt: ['reply'], only: ['PutObject', 'HeadObject'] });
  await laptop.sync();
  bucket.store.faults.clear();
  expect((await laptop.sync()).counts).toMatchObject({ uploaded: 0, conflicts: 0 });
  await laptop.write('a.md', 'three');
  expect((await laptop.sync()).counts).toMatchObject({ uploaded: 1, conflicts: 0 });
  expect(await bucket.objects()).toEqual(new Map([['a.md', 'three']]));
}, 30_000);

it('what was sent and is deleted here before it is known as ours comes back', async () => {
  await laptop.write('keep.md', 'kept');
  await laptop.sync();
  await laptop.write('a.md', 'sent');
  bucket.store.faults.set({ cutRate: 1, cutAt: ['reply'], only: ['PutObject', 'HeadObject'] });
  await laptop.sync();
  bucket.store.faults.clear();
  await laptop.remove('a.md');
  expect((await laptop.sync()).counts).toMatchObject({ downloaded: 1, deletedRemote: 0 });
}, 30_000);

it('a run that a person stops does not leave a state that says it goes on', async () => {
  await laptop.write('a.md', 'one');
  await laptop.sync();
  await laptop.write('a.md', 'two');
  const stop = new AbortController();
  const afterPlan = async (): Promise<void> => {
    stop.abort(new Error('stopped'));
    await Promise.resolve();
  };
  await expect(laptop.sync({ signal: stop.signal }, { afterPlan })).rejects.toThrow('stopped');
  const pairs = join(laptop.host.places.state, 'pairs');
  const status = await readStatus(join(pairs, (await readdir(pairs))[0]!));
  expect(status).toMatchObject({ state: 'error' });
  expect(status?.message).toContain('stopped before its end');
  expect(await laptop.sync()).toMatchObject({ state: 'idle', counts: { uploaded: 1 } });
}, 30_000);
