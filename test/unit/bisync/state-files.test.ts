import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readBaseline, writeBaseline } from '../../../src/bisync/baseline-file.ts';
import { chooseSide } from '../../../src/bisync/conflict.ts';
import { Journal, readJournal } from '../../../src/bisync/journal.ts';
import type { ActivityRecord } from '../../../src/bisync/activity.ts';
import { openOnRecord } from '../../../src/bisync/pair-memory.ts';
import { readLeftovers } from '../../../src/bisync/recover.ts';
import { pathInside, unsafeKey } from '../../../src/bisync/safe-path.ts';
import type { BaselineEntry } from '../../../src/bisync/versions.ts';
import { PAIR_STATES, STATE_MEANINGS } from '../../../src/bisync/states.ts';

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-state-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const entry: BaselineEntry = { size: 3, md5: 'a'.repeat(32), etag: null };

describe('the baseline file', () => {
  it('comes back whole, odd names included', async () => {
    const folder = await temporary();
    const baseline = new Map<string, BaselineEntry>([
      ['a\nb "c".md', entry],
      ['ü', { ...entry, etag: '"x-2"' }],
    ]);
    await writeBaseline(folder, baseline);
    expect(await readBaseline(folder)).toEqual({ state: 'present', entries: baseline });
  });

  it('is never half believed: cut at any byte or changed, it counts as damaged', async () => {
    const folder = await temporary();
    const path = join(folder, 'baseline');
    expect(await readBaseline(folder)).toEqual({ state: 'missing' });
    await writeBaseline(
      folder,
      new Map([
        ['a', entry],
        ['b', entry],
      ]),
    );
    const whole = await readFile(path);
    for (let length = 0; length < whole.length; length += 1) {
      await writeFile(path, whole);
      await truncate(path, length);
      expect(await readBaseline(folder), `cut at ${length}`).toEqual({ state: 'damaged' });
    }
    await writeFile(path, whole.toString().replace('"a",3', '"a",4'));
    expect(await readBaseline(folder)).toEqual({ state: 'damaged' });
  });
});

describe('the journal', () => {
  it('gives back what was written, and survives a torn last line', async () => {
    const folder = await temporary();
    const first = new Journal(folder);
    await Promise.all([
      first.write({ type: 'put', path: 'a', size: 1, md5: 'm' }),
      first.write({ type: 'settled', path: 'b', entry }),
      first.write({ type: 'put', path: 'c', size: 1, md5: 'm' }),
    ]);
    await first.write({ type: 'settled', path: 'a', entry: null });
    await first.close();
    await appendFile(join(folder, 'journal'), '{"type":"settled","path":"to');
    const second = new Journal(folder);
    await second.write({ type: 'aside', path: 'd', aside: '/t/d', md5: 'm' });
    const placing = { type: 'placing', temporary: '/t', changed: '1', entry } as const;
    for (const path of ['e', 'f']) await second.write({ ...placing, path });
    await second.write({ type: 'settled', path: 'f', entry });
    const naming = { type: 'naming', aside: '/t/d', to: '/d' } as const;
    await second.write({ ...naming, to: '/taken' });
    await second.write(naming);
    await second.close();
    expect(await readJournal(folder)).toHaveLength(10);
    expect(await readLeftovers(folder)).toEqual({
      settled: new Map([
        ['b', entry],
        ['a', null],
        ['f', entry],
      ]),
      attempts: new Map([['c', { size: 1, md5: 'm' }]]),
      uploads: [],
      placings: new Map([['e', { ...placing, path: 'e' }]]),
      temporaries: [],
      namings: new Map([['/t/d', naming]]),
      asides: [{ type: 'aside', path: 'd', aside: '/t/d', md5: 'm' }],
    });
  });
});

describe('keys', () => {
  it.each(['', '/a', 'a//b', 'a/', '../a', 'a/../b', './a', 'a/.', 'a\0b'])(
    '%j is unsafe',
    (key) => {
      expect(unsafeKey(key, 'linux')).toBeDefined();
    },
  );

  it('a backslash and a colon are unsafe on Windows only', () => {
    expect(unsafeKey('a\\..\\b', 'win32')).toBeDefined();
    expect(unsafeKey('C:x', 'win32')).toBeDefined();
    expect(unsafeKey('a\\b: c', 'linux')).toBeUndefined();
  });

  it('never lead through a symlink or a file', async () => {
    const root = await temporary();
    const { platform } = process;
    await mkdir(join(root, 'real'));
    await symlink(join(root, 'real'), join(root, 'link'));
    await writeFile(join(root, 'file'), '');
    expect(await pathInside(root, 'real/new/x', { platform, createFolders: true })).toBe(
      join(root, 'real', 'new', 'x'),
    );
    await expect(pathInside(root, 'link/x', { platform })).rejects.toMatchObject({
      reason: 'unsafe-path',
    });
    await expect(pathInside(root, 'file/x', { platform })).rejects.toMatchObject({
      reason: 'blocked',
    });
  });
});

describe('the choice between two versions', () => {
  const local = { size: 5, modifiedMs: 2000 };
  const remote = { entry: { size: 4 }, modifiedMs: 1000 };
  it.each([
    ['none', 0, 'cloud', true],
    ['newer', 0, 'local', false],
    ['newer', undefined, 'cloud', true],
    ['newer', 61_000, 'cloud', true],
    ['newer', -61_000, 'cloud', true],
    ['larger', 99_000, 'local', false],
    ['local', 0, 'local', false],
    ['cloud', 0, 'cloud', false],
  ] as const)('%s with clocks %s ms apart: %s, open %s', (strategy, skew, kept, open) => {
    expect(chooseSide(strategy, local, remote, skew)).toEqual({ kept, open });
  });

  it('stays open when neither is newer', () => {
    const equal = { ...remote, modifiedMs: 2000 };
    expect(chooseSide('newer', local, equal, 0)).toEqual({ kept: 'cloud', open: true });
  });
});

it('every state says what is the case', () => {
  for (const state of PAIR_STATES) expect(STATE_MEANINGS[state].sentence).toMatch(/\.$/);
});

describe('open conflicts by the activity record', () => {
  const at = '2026-11-25T10:00:00.000Z';
  const conflict = (path: string, open = true): ActivityRecord => ({
    ...{ type: 'conflict', at, run: 'r', path, copy: `${path} copy`, kept: 'cloud', open },
  });
  const version = { size: 1, md5: 'm' };
  const deleted = (path: string): ActivityRecord => ({
    ...{ type: 'deleted-local', at, run: 'r', path, before: version, after: null },
  });
  const resolved: ActivityRecord = {
    ...{ type: 'resolved', at, run: 'r', path: 'a', copy: 'a copy', kept: 'local', other: null },
  };

  it.each([
    ['one that nobody has ended', [conflict('a'), conflict('b', false)], ['a']],
    ['none that was resolved', [conflict('a'), resolved], []],
    ['one that was met again after that', [conflict('a'), resolved, conflict('a')], ['a']],
    ['none whose copy was deleted', [conflict('a'), conflict('b'), deleted('a copy')], ['b']],
    ['none whose file was deleted', [conflict('a'), deleted('a')], []],
    ['each once', [conflict('a'), conflict('a')], ['a']],
  ])('%s', (_what, records, paths) => {
    expect(openOnRecord(records).map(({ path }) => path)).toEqual(paths);
  });
});
