import { mkdir, readdir, rename } from 'node:fs/promises';
import { beforeEach, expect, it } from 'vitest';
import { createS3Client, type S3Client } from '../../../src/s3/client.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
  for (let index = 0; index < 8; index += 1) await laptop.write(`f${index}.md`, `${index}`);
  await laptop.sync();
});

/** What an unmount does: the empty folder under the mount point appears. */
async function unmount(): Promise<void> {
  await rename(laptop.root, `${laptop.root}.disk`);
  await mkdir(laptop.root);
}

async function mountAgain(): Promise<void> {
  await rename(laptop.root, `${laptop.root}.under`);
  await rename(`${laptop.root}.disk`, laptop.root);
}

const HALTED = { code: 'halted-marker-missing', exitCode: 78 };

it('a disk that is unmounted after the plan ends the run, and nothing is taken for deleted', async () => {
  await bucket.put('theirs.md', 'of another device');
  await bucket.put('f1.md', 'an edit of another device');
  await laptop.remove('f2.md');
  await expect(laptop.sync({}, { afterPlan: unmount })).rejects.toMatchObject(HALTED);
  expect(await readdir(laptop.root)).toEqual([]);
  await mountAgain();
  expect(await laptop.sync()).toMatchObject({
    exitCode: 0,
    counts: { uploaded: 0, downloaded: 2, deletedRemote: 1, conflicts: 0 },
  });
  expect(await bucket.get('theirs.md')).toBe('of another device');
  expect(await bucket.get('f1.md')).toBe('an edit of another device');
  expect(await laptop.files()).toEqual(await bucket.objects());
}, 30_000);

it('nor is anything agreed that came down while the disk was unmounted', async () => {
  await bucket.put('theirs.md', 'of another device');
  const real = createS3Client(bucket.access);
  const get: S3Client['get'] = async (...request) => {
    const answer = await real.get(...request);
    await unmount();
    return answer;
  };
  const s3 = new Proxy(real, {
    get: (target, name): unknown => (name === 'get' ? get : Reflect.get(target, name)),
  });
  await expect(laptop.sync({}, { s3 })).rejects.toMatchObject(HALTED);
  await mountAgain();
  expect((await laptop.sync()).counts).toMatchObject({ downloaded: 1, deletedRemote: 0 });
  expect(await laptop.read('theirs.md')).toBe('of another device');
}, 30_000);

it('another folder in the place of the root is not uploaded', async () => {
  await laptop.write('f1.md', 'an edit');
  const swap = async (): Promise<void> => {
    await unmount();
    await laptop.write('f1.md', 'of quite another folder');
  };
  await expect(laptop.sync({}, { afterPlan: swap })).rejects.toMatchObject(HALTED);
  expect(await bucket.get('f1.md')).toBe('1');
}, 30_000);

it('a root that goes away ends the run in the same way', async () => {
  await bucket.put('theirs.md', 'of another device');
  const away = (): Promise<void> => rename(laptop.root, `${laptop.root}.disk`);
  await expect(laptop.sync({}, { afterPlan: away })).rejects.toMatchObject(HALTED);
  await rename(`${laptop.root}.disk`, laptop.root);
  expect((await laptop.sync()).counts).toMatchObject({ downloaded: 1, deletedRemote: 0 });
}, 30_000);

it('of two disks that take turns at one place, each is only taken for itself', async () => {
  const [first, second] = [`${laptop.root}.first`, `${laptop.root}.second`];
  await rename(laptop.root, first);
  await mkdir(laptop.root);
  await laptop.sync({ resync: true });
  await bucket.put('f1.md', 'an edit that came to the second disk only');
  await bucket.put('theirs.md', 'and a new file');
  await laptop.sync();
  await rename(laptop.root, second);
  await rename(first, laptop.root);
  await expect(laptop.sync()).rejects.toMatchObject(HALTED);
  expect(await bucket.get('f1.md')).toBe('an edit that came to the second disk only');
  expect(await bucket.get('theirs.md')).toBe('and a new file');
  await rename(laptop.root, first);
  await rename(second, laptop.root);
  expect(await laptop.sync()).toMatchObject({
    exitCode: 0,
    counts: { uploaded: 0, downloaded: 0, deletedRemote: 0, conflicts: 0 },
  });
}, 30_000);
