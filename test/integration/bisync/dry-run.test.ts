import { mkdir, open, readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

it('a dry run leaves a late write into the trash to the next real run', async () => {
  await laptop.write('a.md', 'agreed');
  await laptop.sync();
  const file = await open(join(laptop.root, 'a.md'), 'a');
  await bucket.put('a.md', 'newer');
  await laptop.sync();
  await file.appendFile(', and late');
  await file.close();
  const before = await laptop.files();
  await laptop.sync({ dryRun: true });
  expect(await laptop.files()).toEqual(before);
  expect((await laptop.sync()).counts.conflicts).toBe(1);
  expect([...(await laptop.files()).values()]).toContain('agreed, and late');
}, 30_000);

it('a dry run leaves a file that a crash left in the trash there, and does not plan its delete', async () => {
  for (const name of ['a.md', 'b.md']) await laptop.write(name, 'agreed');
  await laptop.sync();
  const pairs = join(laptop.host.places.state, 'pairs');
  const pair = (await readdir(pairs))[0]!;
  const trash = join(laptop.host.places.data, 'trash', pair, 'killed');
  await mkdir(trash, { recursive: true });
  const aside = join(trash, 'a.md');
  const record = { type: 'aside', path: 'a.md', aside, md5: '0'.repeat(32) };
  await writeFile(join(pairs, pair, 'journal'), `${JSON.stringify(record)}\n`);
  await rename(join(laptop.root, 'a.md'), aside);
  expect((await laptop.sync({ dryRun: true })).planned).toEqual([]);
  expect(await laptop.read('a.md')).toBeUndefined();
  expect((await laptop.sync()).counts).toMatchObject({ deletedRemote: 0, unchanged: 2 });
  expect(await laptop.read('a.md')).toBe('agreed');
}, 30_000);

it('a dry run changes nothing of the state that a next run reads', async () => {
  for (const name of ['a.md', 'b.md', 'c.md', 'd.md']) await laptop.write(name, 'agreed');
  await laptop.sync();
  await laptop.write('a.md', 'mine');
  await bucket.put('a.md', 'theirs');
  await laptop.sync({ profile: 'safe' });
  await laptop.write('a.md', 'mine again');
  await bucket.put('new.md', 'new');
  await laptop.remove('b.md');
  const pairs = join(laptop.host.places.state, 'pairs');
  const folder = join(pairs, (await readdir(pairs))[0]!);
  const state = async (): Promise<Record<string, string>> => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.endsWith('plans'));
    const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
    const texts = paths.map(async (path) => [path, await readFile(path, 'base64')] as const);
    return Object.fromEntries(await Promise.all(texts));
  };
  const whole = await state();
  const plan = await laptop.sync({ dryRun: true });
  expect(plan.planned).toHaveLength(3);
  expect(await state()).toEqual(whole);
  // Neither does one that finds the baseline damaged.
  await truncate(join(folder, 'baseline'), 40);
  const damaged = await state();
  expect(await laptop.sync({ dryRun: true })).toMatchObject({ united: true });
  expect(await state()).toEqual(damaged);
}, 30_000);
