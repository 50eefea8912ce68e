import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { link, lstat, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import type { BisyncOptions } from '../../../src/bisync/options.ts';
import type { Device, SpawnOptions, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

/** Both sides have `a.md`, and each its own edit of it. */
async function conflicting(): Promise<{ bucket: TestBucket; laptop: Device }> {
  const { bucket, laptop } = await laptopAndBucket();
  await laptop.write('a.md', 'agreed');
  await laptop.sync();
  await bucket.put('a.md', 'theirs');
  await laptop.write('a.md', 'mine');
  return { bucket, laptop };
}

async function syncKilled(
  device: Device,
  conflicts: BisyncOptions['conflicts'],
  killAt: NonNullable<SpawnOptions['killAt']>,
): Promise<void> {
  const child = await device.spawn({ conflicts }, { killAt });
  await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** Files in the folder that are another name of one file. */
async function twins(device: Device): Promise<string[]> {
  const paths = [...(await device.files()).keys()];
  const stats = await Promise.all(paths.map((path) => lstat(join(device.root, path))));
  return paths.filter((_, index) => stats[index]!.nlink > 1);
}

it('a copy that a crash left in the trash too is the copy, not a second name of the file', async () => {
  const { bucket, laptop } = await conflicting();
  await syncKilled(laptop, 'none', { operation: 'link', nth: 0, when: 'after' });
  // The next run gets no further than to what the crash left.
  const afterPlan = (): Promise<never> => Promise.reject(new Error('stopped'));
  await expect(laptop.sync({}, { afterPlan })).rejects.toThrow('stopped');
  expect([...(await laptop.files()).values()]).toEqual(['mine']);
  expect(await twins(laptop)).toEqual([]);
  expect(await laptop.trash()).toEqual([]);
  const result = await laptop.sync({ conflicts: 'none' });
  expect(result).toMatchObject({ openConflicts: 1, counts: { downloaded: 1, deletedRemote: 0 } });
  expect(await laptop.read('a.md')).toBe('theirs');
  expect([...(await laptop.files()).values()].sort()).toEqual(['mine', 'theirs']);
  expect(await laptop.files()).toEqual(await bucket.objects());
});

it('a crash while a file gets its name back leaves no copy of it', async () => {
  const { bucket, laptop } = await conflicting();
  await syncKilled(laptop, 'cloud', { operation: 'link', nth: 0, when: 'before' });
  expect(await laptop.read('a.md')).toBeUndefined();
  await syncKilled(laptop, 'cloud', { operation: 'link', nth: 0, when: 'after' });
  expect(await laptop.read('a.md')).toBe('mine');
  const result = await laptop.sync({ conflicts: 'local' });
  expect(result.counts.conflicts).toBe(1);
  expect(await laptop.read('a.md')).toBe('mine');
  expect([...(await laptop.files()).values()].sort()).toEqual(['mine', 'theirs']);
  expect(await twins(laptop)).toEqual([]);
  expect(await laptop.files()).toEqual(await bucket.objects());
});

it('an open conflict of a run that was cut off waits for a person too', async () => {
  const { laptop } = await conflicting();
  // The copy is made, and the cloud's version has the name.
  await syncKilled(laptop, 'none', { operation: 'link', nth: 1, when: 'after' });
  expect(await laptop.read('a.md')).toBe('theirs');
  const result = await laptop.sync();
  expect(result).toMatchObject({ openConflicts: 1, conflicts: [{ path: 'a.md', open: true }] });
  expect((await laptop.sync()).openConflicts).toBe(1);
});

it('a choice that a crash cut off between two names of the copy is carried out', async () => {
  const { bucket, laptop } = await conflicting();
  const { conflicts } = await laptop.sync({ conflicts: 'none' });
  const copy = conflicts[0]!.copy;
  // As in `conflicts resolve`: the file lies in the trash, and the copy there and under its name.
  const pairs = join(laptop.host.places.state, 'pairs');
  const pair = (await readdir(pairs))[0]!;
  const trash = join(laptop.host.places.data, 'trash', pair, 'run');
  const [file, chosen] = [join(trash, 'a.md'), join(trash, copy)];
  await mkdir(dirname(file), { recursive: true });
  await rename(join(laptop.root, 'a.md'), file);
  await rename(join(laptop.root, copy), chosen);
  await link(chosen, join(laptop.root, 'a.md'));
  const records = [
    { type: 'aside', path: 'a.md', aside: file, md5: md5('theirs'), agreed: true },
    { type: 'aside', path: copy, aside: chosen, md5: md5('mine'), agreed: true },
    { type: 'naming', aside: chosen, to: join(laptop.root, 'a.md') },
  ];
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  await writeFile(join(pairs, pair, 'journal'), lines);
  await laptop.sync();
  expect(await laptop.files()).toEqual(new Map([['a.md', 'mine']]));
  expect(await bucket.objects()).toEqual(new Map([['a.md', 'mine']]));
  expect(await twins(laptop)).toEqual([]);
});
