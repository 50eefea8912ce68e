import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { chmod, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BisyncOptions } from '../../../src/bisync/options.ts';
import type { Device, SpawnOptions, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

async function setting(): Promise<{ bucket: TestBucket; laptop: Device }> {
  return laptopAndBucket();
}

/** Starts a sync and kills it with SIGKILL after its n-th event, or lets it end. */
async function killAfter(device: Device, events: number): Promise<void> {
  const child = await device.spawn();
  const lines = createInterface({ input: child.stdout! });
  let seen = 0;
  lines.on('line', () => {
    seen += 1;
    if (seen === events) child.kill('SIGKILL');
  });
  await once(child, 'exit');
}

it('after kill -9 at any moment the next run brings both sides together and loses nothing', async () => {
  const { bucket, laptop } = await setting();
  for (let index = 0; index < 30; index += 1) await laptop.write(`f${index}.md`, `start ${index}`);
  await laptop.sync();
  // 1 is the beginning of the scan, 2 the plan; the others are files on their way.
  for (const [round, events] of [1, 2, 3, 4, 6, 9, 14, 20].entries()) {
    const written: string[] = [];
    const value = (where: string, index: number): string => {
      const text = `round ${round}, ${where}, file ${index}`;
      written.push(text);
      return text;
    };
    for (let index = 0; index < 8; index += 1)
      await laptop.write(`f${index}.md`, value('here', index));
    for (let index = 6; index < 14; index += 1)
      await bucket.put(`f${index}.md`, value('there', index));
    await laptop.write(`new-${round}.md`, value('here', 100));
    await bucket.put(`other-${round}.md`, value('there', 200));
    if (round > 0) await laptop.remove(`new-${round - 1}.md`);
    await killAfter(laptop, events);
    const result = await laptop.sync();
    expect(result.problems).toEqual([]);
    expect(await laptop.files(), `after ${events} events`).toEqual(await bucket.objects());
    const found = [...(await laptop.files()).values(), ...(await laptop.trash())];
    expect(written.filter((text) => !found.includes(text))).toEqual([]);
  }
  const names = await readdir(laptop.root);
  expect(names.filter((name) => name.startsWith('.cloud-tmp-'))).toEqual([]);
  expect((await laptop.sync()).counts).toMatchObject({ uploaded: 0, downloaded: 0, conflicts: 0 });
}, 90_000);

it('a killed upload whose reply was never seen is no conflict for the next edit', async () => {
  const { bucket, laptop } = await setting();
  await laptop.write('a.md', 'one');
  await laptop.sync();
  await laptop.write('a.md', 'two');
  // The reply of the PUT is cut, and so is every look at what became of it.
  bucket.store.faults.set({ cutRate: 1, cutAt: ['reply'], only: ['PutObject', 'HeadObject'] });
  const cut = await laptop.sync();
  expect(cut.problems).toMatchObject([{ path: 'a.md', reason: 'storage' }]);
  expect(await bucket.get('a.md')).toBe('two');
  bucket.store.faults.clear();
  await laptop.write('a.md', 'three');
  expect((await laptop.sync()).counts).toMatchObject({ uploaded: 1, conflicts: 0 });
  expect(await bucket.get('a.md')).toBe('three');
}, 60_000);

it('a file that a crash left in the trash gets its name back, and temporary files go', async () => {
  const { bucket, laptop } = await setting();
  await laptop.write('a.md', 'agreed');
  await laptop.write('b.md', 'b');
  await laptop.sync();
  await bucket.put('a.md', 'newer');
  // As after a power cut between the rename into the trash and the placing of the successor.
  const pairs = join(laptop.host.places.state, 'pairs');
  const pair = (await readdir(pairs))[0]!;
  const aside = join(laptop.host.places.data, 'trash', pair, 'run', 'a.md');
  await mkdir(join(aside, '..'), { recursive: true });
  await rename(join(laptop.root, 'a.md'), aside);
  const temporary = join(laptop.root, '.cloud-tmp-0123456789abcdef');
  await laptop.write('.cloud-tmp-0123456789abcdef', 'half of newer');
  const records = [
    { type: 'temporary', file: temporary },
    { type: 'aside', path: 'a.md', aside, md5: 'x' },
  ];
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  await writeFile(join(pairs, pair, 'journal'), lines);
  const result = await laptop.sync();
  expect(result.counts).toMatchObject({ downloaded: 1, deletedRemote: 0, conflicts: 0 });
  expect(await laptop.read('a.md')).toBe('newer');
  expect(await laptop.trash()).toContain('agreed');
  expect(await readdir(laptop.root)).not.toContain('.cloud-tmp-0123456789abcdef');
  // The same, when the bucket's version is still the agreed one: no delete is concluded from it.
  await rename(join(laptop.root, 'b.md'), aside);
  const again = { type: 'aside', path: 'b.md', aside, md5: 'x' };
  await writeFile(join(pairs, pair, 'journal'), `${JSON.stringify(again)}\n`);
  expect((await laptop.sync()).counts).toMatchObject({ deletedRemote: 0, unchanged: 2 });
  expect(await laptop.read('b.md')).toBe('b');
});

it('an edit that a crash left in the trash is kept beside a file that was written in its place', async () => {
  const { bucket, laptop } = await setting();
  await laptop.write('a.md', 'agreed');
  await laptop.sync();
  await bucket.put('a.md', 'theirs');
  await laptop.write('a.md', 'mine');
  // Between the two names of the loser of a conflict: it is in the trash, and not yet the copy.
  await syncKilled(laptop, { operation: 'link', nth: 0, when: 'before' }, { conflicts: 'cloud' });
  expect(await laptop.read('a.md')).toBeUndefined();
  await laptop.write('a.md', 'written later');
  await laptop.sync();
  const live = await bucket.objects();
  expect([...live.values()].sort()).toEqual(['mine', 'theirs', 'written later']);
  expect(await laptop.files()).toEqual(live);
});

/** A sync that is killed around the n-th file operation of a kind in the folder. */
async function syncKilled(
  device: Device,
  killAt: NonNullable<SpawnOptions['killAt']>,
  options: Partial<BisyncOptions> = {},
): Promise<void> {
  const child = await device.spawn(options, { killAt });
  await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
}

/** As editors save: a new file takes the name. */
async function save(device: Device, path: string, content: string): Promise<void> {
  await writeFile(`${device.root}-draft`, content);
  await rename(`${device.root}-draft`, join(device.root, path));
}

const WRITES = {
  'a new file': save,
  'the same file': (device: Device, path: string, content: string) => device.write(path, content),
};

describe.each(Object.entries(WRITES))(
  'a download that is killed, then an edit by %s',
  (_, write) => {
    it.each([
      ['new', undefined],
      ['over an older version', 'older'],
    ])('is no conflict when the version had its name: %s', async (_what, older) => {
      const { bucket, laptop } = await setting();
      if (older !== undefined) await laptop.write('a.md', older);
      await laptop.sync();
      await bucket.put('a.md', 'theirs');
      await syncKilled(laptop, { operation: 'link', nth: 0, when: 'after' });
      expect(await laptop.read('a.md')).toBe('theirs');
      await write(laptop, 'a.md', 'theirs, edited');
      const { planned } = await laptop.sync({ dryRun: true });
      // What a crash may have left in the trash is left to a real run.
      expect(planned.map(({ action }) => action)).toEqual(older === undefined ? ['upload'] : []);
      expect((await laptop.sync()).counts).toMatchObject({ uploaded: 1, conflicts: 0 });
      expect(await bucket.get('a.md')).toBe('theirs, edited');
      expect(await readdir(laptop.root)).toEqual(['.cloud-access', '.cloud-pair.json', 'a.md']);
    });
  },
);

it('a file written where a killed download had no name yet is a conflict, and both are kept', async () => {
  const { bucket, laptop } = await setting();
  await laptop.sync();
  await bucket.put('a.md', 'theirs');
  await syncKilled(laptop, { operation: 'link', nth: 0, when: 'before' });
  await save(laptop, 'a.md', 'mine');
  expect((await laptop.sync()).counts.conflicts).toBe(1);
  expect([...(await bucket.objects()).values()].sort()).toEqual(['mine', 'theirs']);
  expect(await laptop.files()).toEqual(await bucket.objects());
});

it('what a killed download had given its name, and somebody deleted, comes back', async () => {
  const { bucket, laptop } = await setting();
  await laptop.sync();
  await bucket.put('a.md', 'theirs');
  await syncKilled(laptop, { operation: 'link', nth: 0, when: 'after' });
  await laptop.remove('a.md');
  expect((await laptop.sync()).counts).toMatchObject({ downloaded: 1, deletedRemote: 0 });
});

it('a conflict that was cut off after its copy was sent does not send it again', async () => {
  const { bucket, laptop } = await setting();
  await laptop.write('a.md', 'agreed');
  await laptop.sync();
  await bucket.put('a.md', 'theirs');
  await laptop.write('a.md', 'mine');
  // Before the journal says that the copy, which has been sent, is settled.
  await syncKilled(laptop, { operation: 'append', nth: 4, when: 'before' }, { conflicts: 'local' });
  const [copy = ''] = [...(await bucket.objects()).keys()].filter((key) => key !== 'a.md');
  expect(await bucket.get(copy)).toBe('theirs');
  await laptop.write('a.md', 'mine, edited');
  const writes: string[] = [];
  const stop = bucket.store.requests.listen(({ operation, key = '' }) => {
    if (operation === 'PutObject') writes.push(key);
  });
  const result = await laptop.sync({ conflicts: 'local' });
  stop();
  expect(result).toMatchObject({ exitCode: 0, conflicts: [{ path: 'a.md', copy }] });
  expect(writes).toEqual(['a.md']);
  expect(await bucket.get('a.md')).toBe('mine, edited');
});

it('a damaged or missing baseline is rebuilt without a question and deletes nothing', async () => {
  const { bucket, laptop } = await setting();
  await laptop.write('a.md', 'a');
  await laptop.write('b.md', 'b');
  await laptop.sync();
  const pairs = join(laptop.host.places.state, 'pairs');
  const baseline = join(pairs, (await readdir(pairs))[0]!, 'baseline');
  const { truncate, rm } = await import('node:fs/promises');
  await truncate(baseline, 30);
  await bucket.remove('b.md');
  const rebuilt = await laptop.sync();
  expect(rebuilt).toMatchObject({ united: true, exitCode: 0 });
  expect(await laptop.files()).toEqual(await bucket.objects());
  expect(await bucket.get('b.md')).toBe('b');
  await rm(baseline);
  await laptop.write('a.md', 'edited');
  expect((await laptop.sync()).counts.conflicts).toBe(1);
  expect(await laptop.read('a.md')).toBe('edited');
});

it.each(['by rclone', 'without it'])(
  'an unreadable file or folder is reported, and the others are synced, listed %s',
  async (how) => {
    const { bucket, laptop } = await setting();
    for (const path of ['fine.md', 'shut [1].md', 'locked/in.md']) await laptop.write(path, path);
    await laptop.sync();
    await laptop.write('fine.md', 'changed');
    await bucket.put('shut [1].md', 'changed there');
    await chmod(join(laptop.root, 'shut [1].md'), 0);
    await chmod(join(laptop.root, 'locked'), 0);
    const { rclone } = await laptop.options();
    const path = how === 'by rclone' ? rclone.path : '/bin/false';
    const child = await laptop.spawn({ full: true, rclone: { ...rclone, path } }, { bound: true });
    const lines: string[] = [];
    createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
    await once(child, 'close');
    const last = JSON.parse(lines.at(-1)!) as {
      result: { problems: { path: string; reason: string }[]; exitCode: number };
    };
    expect(last.result.problems.map(({ path, reason }) => `${reason} ${path}`).sort()).toEqual([
      'unreadable locked',
      'unreadable shut [1].md',
    ]);
    expect(last.result.exitCode).toBe(3);
    expect(await bucket.get('fine.md')).toBe('changed');
    expect(await bucket.get('locked/in.md')).toBe('locked/in.md');
    await chmod(join(laptop.root, 'locked'), 0o755);
    await chmod(join(laptop.root, 'shut [1].md'), 0o644);
    expect((await laptop.sync()).exitCode).toBe(0);
    expect(await laptop.files()).toEqual(await bucket.objects());
  },
);
