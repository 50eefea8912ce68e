import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { readMemory } from '../../../src/bisync/pair-memory.ts';
import { readStatus } from '../../../src/bisync/pair.ts';
import { resolveConflicts } from '../../../src/bisync/resolve-conflicts.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

async function pairFolder(): Promise<string> {
  const pairs = join(laptop.host.places.state, 'pairs');
  return join(pairs, (await readdir(pairs))[0]!);
}

const GARBAGE: readonly [string, (path: string, whole: Buffer) => Promise<void>][] = [
  ['emptied', (path) => truncate(path, 0)],
  ['cut in the middle', (path, whole) => truncate(path, Math.floor(whole.length / 2))],
  ['missing its last byte', (path, whole) => truncate(path, Math.max(0, whole.length - 1))],
  ['binary garbage', (path) => writeFile(path, Buffer.alloc(4096, 0xa5))],
  ['text garbage', (path) => writeFile(path, 'not what it was\n')],
  [
    'another JSON',
    (path) => writeFile(path, '{"openConflicts":7,"asides":[{"size":"x"}],"pid":"y"}'),
  ],
  ['null', (path) => writeFile(path, 'null\n')],
  ['gone', (path) => rm(path)],
];

const ALL = [
  ...['baseline', 'journal', 'memory.json', 'status.json', 'pair.json', 'activity.jsonl'],
  ...['lock', 'lock.owner.json'],
];
/** Each of those that decide something by itself, and all of them at once. */
const DAMAGED = [...['baseline', 'journal', 'pair.json', 'lock'].map((file) => [file]), ALL];

/** What a run that was cut off may leave in its journal. */
function leftovers(): string {
  const records = [
    { type: 'put', path: 'keep.md', size: 4, md5: '0'.repeat(32) },
    { type: 'temporary', file: join(laptop.root, '.cloud-tmp-0123456789abcdef') },
  ];
  return records.map((each) => `${JSON.stringify(each)}\n`).join('');
}

it('heals after any damage to any of its files, without a question, and deletes nothing', async () => {
  await laptop.write('keep.md', 'kept');
  await laptop.write('open.md', 'agreed');
  await laptop.sync();
  let round = 0;
  for (const files of DAMAGED) {
    for (const [how, damage] of files.length > 1 ? GARBAGE : GARBAGE.slice(0, 4)) {
      round += 1;
      // An open conflict, a file in the trash and a journal, so that every file has something in it.
      await laptop.write('open.md', `mine ${round}`);
      await bucket.put('open.md', `theirs ${round}`);
      await laptop.sync({ profile: 'safe' });
      const folder = await pairFolder();
      for (const file of files) {
        const path = join(folder, file);
        if (!existsSync(path)) await writeFile(path, leftovers());
        await damage(path, await readFile(path));
      }
      await laptop.write(`new-${round}.md`, `new here ${round}`);
      await bucket.put(`there-${round}.md`, `new there ${round}`);
      const what = `${files.join()} ${how}`;
      const result = await laptop.sync({ profile: 'safe' }).catch((error: unknown) => {
        throw new Error(what, { cause: error });
      });
      expect([0, 3], what).toContain(result.exitCode);
      expect(result.problems, what).toEqual([]);
      expect(result.counts, what).toMatchObject({ deletedLocal: 0, deletedRemote: 0 });
      const live = await bucket.objects();
      expect(await laptop.files(), what).toEqual(live);
      expect([...live.values()], what).toEqual(
        expect.arrayContaining([
          ...['kept', `new here ${round}`, `new there ${round}`],
          ...[`mine ${round}`, `theirs ${round}`],
        ]),
      );
    }
  }
}, 120_000);

it('what conflicts are open is known without the memory of it, as long as both files are there', async () => {
  const paths = ['open.md', 'gone.md', 'chosen.md'];
  for (const path of paths) await laptop.write(path, 'agreed');
  await laptop.sync();
  for (const path of paths) {
    await laptop.write(path, 'mine');
    await bucket.put(path, 'theirs');
  }
  const { conflicts } = await laptop.sync({ profile: 'safe' });
  const copyOf = (path: string): string => conflicts.find((each) => each.path === path)!.copy;
  await laptop.remove(copyOf('gone.md'));
  const { access } = await laptop.options();
  const choice = { paths: ['chosen.md'], keep: 'local' } as const;
  await resolveConflicts({ access, localRoot: laptop.root, ...choice }, laptop.host);
  for (const [how, damage] of GARBAGE) {
    const path = join(await pairFolder(), 'memory.json');
    await damage(path, await readFile(path));
    const { openConflicts } = await readMemory(await pairFolder());
    expect(
      openConflicts.map((each) => each.copy),
      how,
    ).toContain(copyOf('open.md'));
    expect((await laptop.sync({ profile: 'safe' })).openConflicts, how).toBe(1);
    expect((await readMemory(await pairFolder())).openConflicts, how).toMatchObject([
      { path: 'open.md', copy: copyOf('open.md'), kept: 'cloud', open: true },
    ]);
  }
}, 60_000);

it('a damaged plan is no plan', async () => {
  await laptop.write('a.md', 'a');
  await laptop.sync();
  await laptop.write('a.md', 'edited');
  const { planId } = await laptop.sync({ dryRun: true });
  const path = join(await pairFolder(), 'plans', `${planId ?? ''}.json`);
  for (const [how, damage] of GARBAGE) {
    await writeFile(path, '{"id":"x","createdAt":"","steps":[]}');
    await damage(path, await readFile(path));
    const run = laptop.sync({ approve: planId ?? '' });
    await expect(run, how).rejects.toMatchObject({ code: 'unknown-plan', exitCode: 2 });
  }
  expect(await bucket.get('a.md')).toBe('a');
});

it('tells a run that was killed from one that goes on', async () => {
  await laptop.write('a.md', 'a');
  await laptop.sync();
  await laptop.write('a.md', 'edited');
  const folder = await pairFolder();
  const seen: unknown[] = [];
  const afterPlan = async (): Promise<void> => {
    seen.push((await readStatus(folder))?.state);
  };
  await laptop.sync({}, { afterPlan });
  expect(seen).toEqual(['scanning']);
  expect(await readStatus(folder)).toMatchObject({ state: 'idle' });
  const left = { state: 'syncing', message: 'Files are being moved.', at: '2026-01-01T00:00:00Z' };
  await writeFile(join(folder, 'status.json'), JSON.stringify(left));
  const owner = { pid: process.pid, startedAt: 'another', command: 'cloud bisync', since: left.at };
  await writeFile(join(folder, 'lock.owner.json'), JSON.stringify(owner));
  expect(await readStatus(folder)).toMatchObject({ state: 'error' });
});

it('finds its temporary files also where a person moved their folder', async () => {
  await laptop.write('a.md', 'a');
  await laptop.sync();
  await mkdir(join(laptop.root, 'moved'));
  for (const name of ['moved/.cloud-tmp-0123456789abcdef', '.cloud-tmp-fedcba9876543210']) {
    await laptop.write(name, 'half');
  }
  await laptop.sync({ dryRun: true });
  expect(await readdir(join(laptop.root, 'moved'))).toHaveLength(1);
  await laptop.sync();
  expect(await readdir(join(laptop.root, 'moved'))).toEqual([]);
  expect(await readdir(laptop.root)).not.toContain('.cloud-tmp-fedcba9876543210');
});
