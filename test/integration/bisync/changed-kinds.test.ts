import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
  for (let index = 0; index < 20; index += 1) await laptop.write(`f${index}.md`, `${index}`);
});

it('files become folders and folders become files, on either side', async () => {
  await laptop.write('here-file', 'a file');
  await laptop.write('here-folder/inner.md', 'in a folder');
  await laptop.write('there-file', 'a file');
  await laptop.write('there-folder/inner.md', 'in a folder');
  await laptop.sync();
  await laptop.remove('here-file');
  await laptop.write('here-file/deep.md', 'in a folder now');
  await rm(join(laptop.root, 'here-folder'), { recursive: true });
  await laptop.write('here-folder', 'a file now');
  await bucket.remove('there-file');
  await bucket.put('there-file/deep.md', 'in a folder now');
  await bucket.remove('there-folder/inner.md');
  await bucket.put('there-folder', 'a file now');
  expect(await laptop.sync()).toMatchObject({
    ...{ exitCode: 0, problems: [], movedOn: [] },
    counts: { uploaded: 2, downloaded: 2, deletedLocal: 2, deletedRemote: 2, conflicts: 0 },
  });
  const files = await laptop.files();
  expect(files).toEqual(await bucket.objects());
  expect(files.get('there-folder')).toBe('a file now');
  // An edited file in the place of a folder that others have: both stay where they are, and it is told.
  await laptop.write('here-folder', 'edited');
  await bucket.remove('here-folder');
  await bucket.put('here-folder/new.md', 'a folder again');
  for (const uploaded of [1, 0]) {
    expect(await laptop.sync()).toMatchObject({
      exitCode: 3,
      problems: [{ path: 'here-folder/new.md', reason: 'blocked' }],
      counts: { uploaded, deletedLocal: 0, deletedRemote: 0 },
    });
  }
  expect(await bucket.get('here-folder')).toBe('edited');
  expect(await bucket.get('here-folder/new.md')).toBe('a folder again');
}, 60_000);

it.skipIf(process.platform === 'win32')(
  'a folder in which nothing may be written keeps what it has, and the rest is synced',
  async () => {
    await laptop.write('closed/a.md', 'a');
    await laptop.write('closed/b.md', 'b');
    await laptop.sync();
    await bucket.put('closed/a.md', 'a, edited');
    await bucket.put('closed/new.md', 'new');
    await bucket.remove('closed/b.md');
    await bucket.put('f1.md', 'edited');
    const closed = join(laptop.root, 'closed');
    await chmod(closed, 0o555);
    const before = await laptop.files();
    for (const downloaded of [1, 0]) {
      const child = await laptop.spawn({}, { bound: true });
      const lines = text(child.stdout!);
      await once(child, 'exit');
      const last = JSON.parse((await lines).trim().split('\n').at(-1)!) as { result: unknown };
      expect(last.result).toMatchObject({ exitCode: 3, counts: { downloaded, deletedLocal: 0 } });
      expect(await laptop.files()).toEqual(before.set('f1.md', 'edited'));
    }
    await chmod(closed, 0o755);
    const counts = { downloaded: 2, deletedLocal: 1, uploaded: 0, conflicts: 0 };
    expect(await laptop.sync()).toMatchObject({ exitCode: 0, counts });
    expect(await laptop.files()).toEqual(await bucket.objects());
  },
  120_000,
);
