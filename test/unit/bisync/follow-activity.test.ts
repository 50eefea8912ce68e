import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Activity, ActivityEnd } from '../../../src/bisync/activity.ts';
import { followActivity, recentActivity } from '../../../src/bisync/follow-activity.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { openWorkspace } from '../../support/workspace.ts';

const deleted = { type: 'deleted-remote', before: null, after: null } as const;
const all = { limit: 100, runs: false, path: undefined };

async function record(): Promise<{ folder: string; add: (path: string) => void }> {
  const { root } = await openWorkspace();
  const activity = new Activity(root, 'run-1', () => 0);
  return { folder: root, add: (path) => activity.add({ ...deleted, path }) };
}

const pathsOf = (records: readonly object[]): unknown[] =>
  records.map((each) => ('path' in each ? each.path : undefined));

test('the newest are shown, of one file or folder where that is asked for', async () => {
  const { folder, add } = await record();
  for (const path of ['a.md', 'notes/b.md', 'notes/c.md', 'notes-old/d.md']) add(path);
  expect(pathsOf(await recentActivity(folder, { ...all, limit: 2 }))).toEqual([
    'notes/c.md',
    'notes-old/d.md',
  ]);
  expect(pathsOf(await recentActivity(folder, { ...all, limit: 0 }))).toEqual([]);
  for (const path of ['notes', 'notes/']) {
    expect(pathsOf(await recentActivity(folder, { ...all, path }))).toEqual([
      'notes/b.md',
      'notes/c.md',
    ]);
  }
});

test('whoever follows misses nothing when the record is rotated, and reads no half line', async () => {
  const { folder, add } = await record();
  const path = join(folder, 'activity.jsonl');
  add('before');
  const end = await ActivityEnd.find(folder);
  add('one');
  expect(pathsOf(await end.added())).toEqual(['one']);
  add('two');
  renameSync(path, `${path}.1`);
  add('three');
  expect(pathsOf(await end.added())).toEqual(['two', 'three']);
  writeFileSync(path, '{"at":"2026-11', { flag: 'a' });
  expect(await end.added()).toEqual([]);
  writeFileSync(
    path,
    `-25","run":"r","type":"deleted-remote","path":"four","before":null,"after":null}\n`,
    { flag: 'a' },
  );
  expect(pathsOf(await end.added())).toEqual(['four']);
});

test('following ends with its signal', async () => {
  const { folder, add } = await record();
  add('known');
  const ended = new AbortController();
  const seen: unknown[] = [];
  for await (const each of followActivity(folder, all, systemClock, ended.signal)) {
    seen.push(...pathsOf([each]));
    if (seen.length === 1) add('new');
    else ended.abort();
  }
  expect(seen).toEqual(['known', 'new']);
});
