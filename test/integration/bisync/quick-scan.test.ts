import { chmod, rm, utimes, writeFile } from 'node:fs/promises';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { hasChanged } from '../../../src/bisync/has-changed.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { testBucket, testDevice } from '../../support/test-devices.ts';

const clock = adjustableClock();
let bucket: TestBucket;
let laptop: Device;
/** An rclone that must not be needed: with it a full scan says so. */
let none: Rclone;
beforeEach(async () => {
  bucket = await testBucket();
  laptop = await testDevice(bucket, 'laptop', { clock });
  const path = join(laptop.root, '..', 'no-rclone');
  await writeFile(path, '#!/bin/sh\nexit 9\n');
  await chmod(path, 0o755);
  none = { ...(await laptop.options()).rclone, path };
  for (const name of ['a.md', 'b.md', 'docs/c.md']) await laptop.write(name, name);
  await laptop.sync();
});

/** Whether a sync got along without rclone, and what it moved. */
async function syncQuickly(
  more: Parameters<Device['sync']>[0] = {},
): Promise<{ quick: boolean; moved: string[] }> {
  laptop.events.length = 0;
  await laptop.sync({ rclone: none, ...more }, { settledMs: 0 });
  const moved = laptop.events.flatMap((event) =>
    event.type === 'uploaded' || event.type === 'downloaded' || event.type === 'deleted'
      ? [`${event.type} ${event.path}`]
      : [],
  );
  return { quick: !laptop.events.some(({ type }) => type === 'without-rclone'), moved };
}

it('without changes lists the bucket once, and nothing else', async () => {
  const { requests } = bucket.store;
  requests.reset();
  expect(await syncQuickly()).toEqual({ quick: true, moved: [] });
  const counts = Object.entries(requests.counts()).map(([name, each]) => [name, each.requests]);
  expect(Object.fromEntries(counts)).toEqual({ ListObjectsV2: 1 });
});

it('brings changes of both sides across without rclone', async () => {
  const { mtime } = statSync(join(laptop.root, 'a.md'));
  await laptop.write('a.md', 'A.MD');
  await utimes(join(laptop.root, 'a.md'), mtime, mtime);
  await bucket.put('b.md', 'from there');
  await bucket.put('new.md', 'new there');
  await laptop.remove('docs/c.md');
  const { quick, moved } = await syncQuickly();
  expect(quick).toBe(true);
  expect(moved.toSorted()).toEqual([
    'deleted docs/c.md',
    'downloaded b.md',
    'downloaded new.md',
    'uploaded a.md',
  ]);
  expect(await laptop.files()).toEqual(await bucket.objects());
  expect(await syncQuickly()).toEqual({ quick: true, moved: [] });
});

it.each<[string, () => Promise<Parameters<Device['sync']>[0] | undefined>]>([
  [
    'once a day',
    () => {
      clock.advance(25 * 3_600_000);
      return Promise.resolve(undefined);
    },
  ],
  ['when it is asked for', () => Promise.resolve({ full: true })],
  ['with a damaged stat record', () => damage('[1,[["a.md"')],
  ['without a stat record', () => damage(undefined)],
  [
    'after a run that did not end well',
    async () => {
      await expect(
        laptop.sync({ access: { ...bucket.access, endpoint: 'http://127.0.0.1:1' } }),
      ).rejects.toThrow();
      return undefined;
    },
  ],
])('everything is compared by rclone %s', async (_when, prepare) => {
  expect(await syncQuickly()).toEqual({ quick: true, moved: [] });
  const more = await prepare();
  expect(await syncQuickly(more)).toEqual({ quick: false, moved: [] });
  expect(await syncQuickly()).toEqual({ quick: true, moved: [] });
});

async function damage(text: string | undefined): Promise<undefined> {
  const { places } = laptop.host;
  const { pairId } = await laptop.sync();
  const file = join(places.state, 'pairs', pairId, 'stat-record');
  await (text === undefined ? rm(file) : writeFile(file, text));
}

it('a folder that seems emptied is compared by rclone before anybody is asked', async () => {
  for (const name of ['a.md', 'b.md', 'docs/c.md']) await laptop.remove(name);
  laptop.events.length = 0;
  await expect(laptop.sync({ rclone: none })).rejects.toThrow(/suddenly empty/);
  expect(laptop.events.map(({ type }) => type)).toContain('without-rclone');
});

it('tells whether anything has changed on either side', async () => {
  const ask = async (): Promise<boolean | undefined> =>
    hasChanged(await laptop.options(), laptop.host, { settledMs: 0 });
  expect(await ask()).toBe(false);
  await laptop.write('a.md', 'A.MD');
  expect(await ask()).toBe(true);
  await laptop.sync();
  expect(await ask()).toBe(false);
  await bucket.put('b.md', 'B.MD');
  expect(await ask()).toBe(true);
  await damage(undefined);
  expect(await ask()).toBeUndefined();
});
