import { join } from 'node:path';
import { readdir } from 'node:fs/promises';
import { beforeEach, expect, it } from 'vitest';
import type { BisyncEvent } from '../../../src/bisync/run-context.ts';
import { acquireLock } from '../../../src/platform/lock.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

it.each(['up', 'down'] as const)(
  'large files report their bytes on their way %s',
  async (way) => {
    await laptop.sync();
    const content = 'x'.repeat(24 << 20);
    if (way === 'up') await laptop.write('large.bin', content);
    else await bucket.put('large.bin', content);
    bucket.store.faults.set({ bandwidth: 12 << 20 });
    await laptop.sync();
    type Moving = Extract<BisyncEvent, { type: 'progress' }>;
    const told = laptop.events.filter((event): event is Moving => event.type === 'progress');
    const onTheWay = told.filter(({ bytes }) => bytes.done > 0 && bytes.done < content.length);
    expect(onTheWay.length).toBeGreaterThan(0);
    expect(onTheWay[0]!.moving).toMatchObject([{ path: 'large.bin', direction: way }]);
    expect(onTheWay.at(-1)!.bytesPerSecond).toBeGreaterThan(0);
    expect(told.at(-1)).toMatchObject({
      changes: { done: 1, total: 1 },
      bytes: { done: content.length, total: content.length },
    });
  },
  30_000,
);

it('a second run says who is at work, and waits for them if it may', async () => {
  await laptop.write('a.md', 'a');
  await laptop.sync();
  const pairs = join(laptop.host.places.state, 'pairs');
  const path = join(pairs, (await readdir(pairs))[0]!, 'lock');
  const lock = await acquireLock(path, { command: 'somebody' });
  await expect(laptop.sync({ waitMs: 60 })).rejects.toMatchObject({
    name: 'LockHeldError',
    owner: { pid: process.pid, command: 'somebody' },
  });
  const waiting = laptop.sync({ waitMs: 30_000 });
  await expect
    .poll(() => laptop.events.filter(({ type }) => type === 'waiting').length)
    .toBeGreaterThan(1);
  lock.release();
  expect(await waiting).toMatchObject({ exitCode: 0 });
  expect(laptop.events).toContainEqual({
    type: 'waiting',
    owner: expect.objectContaining({ pid: process.pid, command: 'somebody' }) as unknown,
  });
});
