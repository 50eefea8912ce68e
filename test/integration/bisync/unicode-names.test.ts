import { beforeEach, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

const COMPOSED = 'caf\u00e9.md';
const DECOMPOSED = 'cafe\u0301.md';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
  for (const name of 'xyz') await laptop.write(name, name);
});

async function expectBoth(composed: string, decomposed: string): Promise<void> {
  expect(await laptop.sync()).toMatchObject({ exitCode: 0, counts: { conflicts: 0 } });
  const files = await laptop.files();
  expect(files).toEqual(await bucket.objects());
  expect([files.get(COMPOSED), files.get(DECOMPOSED)]).toEqual([composed, decomposed]);
}

// A file system that takes both for one name reports a collision instead.
it.runIf(process.platform === 'linux')(
  'two names that differ in their Unicode form only are two files, on either side',
  async () => {
    await laptop.write(COMPOSED, 'composed');
    await laptop.sync();
    await laptop.write(DECOMPOSED, 'decomposed');
    await expectBoth('composed', 'decomposed');
    await bucket.put(DECOMPOSED, 'edited there');
    await expectBoth('composed', 'edited there');
    await laptop.write(COMPOSED, 'edited here');
    await expectBoth('edited here', 'edited there');
    await bucket.remove(COMPOSED);
    await laptop.sync();
    expect([...(await laptop.files()).keys()]).not.toContain(COMPOSED);
    expect((await laptop.files()).get(DECOMPOSED)).toBe('edited there');
    expect(await laptop.files()).toEqual(await bucket.objects());
  },
);

it.runIf(process.platform === 'linux')('also in the first sync', async () => {
  await laptop.write(COMPOSED, 'composed');
  await bucket.put(DECOMPOSED, 'decomposed');
  await expectBoth('composed', 'decomposed');
});
