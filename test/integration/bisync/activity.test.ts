import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeEach, expect, it } from 'vitest';
import { readActivity, readLastRun } from '../../../src/bisync/activity.ts';
import { Output } from '../../../src/output/output.ts';
import { presentStatusReport } from '../../../src/status/present-status.ts';
import { statusReport } from '../../../src/status/report.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

async function pairId(): Promise<string> {
  return (await readdir(join(laptop.host.places.state, 'pairs')))[0]!;
}

it('each move is on record with both versions and where the old one lies', async () => {
  for (const name of ['up.md', 'down.md', 'gone-here.md', 'gone-there.md', 'both.md', 'same.md']) {
    await laptop.write(name, 'old');
  }
  await laptop.sync();
  await laptop.write('up.md', 'new up');
  await bucket.put('down.md', 'new down');
  await laptop.remove('gone-here.md');
  await bucket.remove('gone-there.md');
  await laptop.write('both.md', 'mine');
  await bucket.put('both.md', 'theirs');
  const { runId } = await laptop.sync({ conflicts: 'cloud' });
  const pair = await pairId();
  const records = await readActivity(join(laptop.host.places.state, 'pairs', pair));
  const ofRun = records.filter(({ run }) => run === runId);
  const one = (path: string): unknown[] =>
    ofRun.filter((record) => record.type !== 'run' && record.path === path);
  const trash = join(laptop.host.places.data, 'trash', pair, runId);
  expect(one('up.md')).toMatchObject([
    { type: 'uploaded', before: { size: 3 }, after: { size: 6 } },
  ]);
  expect(one('down.md')).toMatchObject([
    { type: 'downloaded', before: { size: 3 }, after: { size: 8 }, aside: join(trash, 'down.md') },
  ]);
  expect(await readFile(join(trash, 'down.md'), 'utf8')).toBe('old');
  expect(one('gone-here.md')).toMatchObject([{ type: 'deleted-remote', before: { size: 3 } }]);
  expect(one('gone-there.md')).toMatchObject([
    { type: 'deleted-local', aside: join(trash, 'gone-there.md') },
  ]);
  expect(one('both.md')).toMatchObject([
    { type: 'conflict', kept: 'cloud', open: false },
    { type: 'downloaded', after: { size: 6 } },
  ]);
  expect(ofRun.at(-1)).toMatchObject({ type: 'run', state: 'idle', exitCode: 0, downloaded: 2 });
});

it('a run that a person stops is on record as that, and status does not say that it moved nothing', async () => {
  await laptop.write('a.md', 'one');
  const stop = new AbortController();
  const afterPlan = (): Promise<void> => {
    stop.abort(new Error('Interrupted.'));
    return Promise.resolve();
  };
  await expect(laptop.sync({ signal: stop.signal }, { afterPlan })).rejects.toThrow('Interrupted');
  const last = await readLastRun(join(laptop.host.places.state, 'pairs', await pairId()));
  expect(last).toMatchObject({ error: 'interrupted', exitCode: 130 });
  const report = await statusReport({}, laptop.host);
  const output = new Output({
    ...{ stdout: new PassThrough(), stderr: new PassThrough(), format: 'table', quiet: false },
    ...{ verbose: false, color: false, animated: false, interactive: false },
  });
  const text = presentStatusReport(report, output, Date.now());
  expect(text).toContain('ended early (interrupted)');
  expect(text).not.toContain('nothing to move');
});

it('the trash is kept for a time and up to a size, and what is still needed always', async () => {
  await laptop.write('a.md', 'one');
  await laptop.write('b.md', 'b');
  await laptop.sync();
  const trash = join(laptop.host.places.data, 'trash', await pairId());
  const day = 24 * 3_600_000;
  const runOf = (daysAgo: number): string =>
    `${new Date(Date.now() - daysAgo * day).toISOString().replace(/[-:.]/g, '')}-abcdef`;
  const runs = { old: runOf(31), large: runOf(20), small: runOf(10), young: runOf(0.5) };
  const beside = join(laptop.root, 'folder', '.cloud-trash');
  for (const [folder, bytes] of [
    [join(trash, runs.old), 1],
    [join(trash, runs.large), 900],
    [join(beside, runs.small), 50],
    [join(trash, runs.young), 2000],
    [join(beside, runs.old), 1],
    [join(trash, 'not-of-a-run'), 5000],
  ] as const) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'file'), 'x'.repeat(bytes));
    await utimes(folder, 0, 0);
  }
  await bucket.put('a.md', 'two');
  const trashBounds = { maxAgeMs: 30 * day, maxBytes: 2200 };
  const { runId } = await laptop.sync({ trash: trashBounds });
  expect((await readdir(trash)).sort()).toEqual([runs.young, runId, 'not-of-a-run'].sort());
  expect(await readdir(beside)).toEqual([runs.small]);
  expect(await readFile(join(trash, runId, 'a.md'), 'utf8')).toBe('one');
  // An open conflict keeps what went into the trash since it began.
  await laptop.write('b.md', 'mine');
  await bucket.put('b.md', 'theirs');
  await laptop.sync({ profile: 'safe', trash: { maxAgeMs: 0, maxBytes: 0 } });
  expect(await readdir(trash)).toEqual(expect.arrayContaining([runs.young, runId]));
  // Also one of which nobody knows any more when that was.
  const memory = join(laptop.host.places.state, 'pairs', await pairId(), 'memory.json');
  const { openConflicts } = JSON.parse(await readFile(memory, 'utf8')) as {
    openConflicts: object[];
  };
  const undated = openConflicts.map((each) => ({ ...each, at: 'some day' }));
  await writeFile(memory, JSON.stringify({ openConflicts: undated, asides: [] }));
  await laptop.sync({ profile: 'safe', trash: { maxAgeMs: 0, maxBytes: 0 } });
  expect(await readdir(trash)).toEqual(expect.arrayContaining([runs.young, runId]));
});
