import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkGuards } from '../../../src/bisync/guards.ts';
import { makePlan } from '../../../src/bisync/plan.ts';
import { PROFILES, type ConflictStrategy } from '../../../src/bisync/profiles.ts';
import type { TestBucket } from '../../support/devices.ts';
import { testBucket, testDevice } from '../../support/test-devices.ts';

let bucket: TestBucket;
const [EARLY, LATE] = [1_000_000_000, 1_500_000_000];
const OLD = { mine: EARLY, theirs: LATE };
const NEW = { mine: LATE, theirs: EARLY };

describe('both sides changed a file', () => {
  beforeEach(async () => {
    bucket = await testBucket();
  });

  it.each<
    [ConflictStrategy, { mine: string; theirs: string }, typeof OLD, 'local' | 'cloud', boolean]
  >([
    ['none', { mine: 'mine is larger', theirs: 'theirs' }, NEW, 'cloud', true],
    ['none', { mine: 'mine', theirs: 'theirs is larger' }, OLD, 'cloud', true],
    ['newer', { mine: 'mine', theirs: 'theirs is larger' }, NEW, 'local', false],
    ['newer', { mine: 'mine is larger', theirs: 'theirs' }, OLD, 'cloud', false],
    ['newer', { mine: 'same', theirs: 'time' }, { mine: EARLY, theirs: EARLY }, 'cloud', true],
    ['larger', { mine: 'mine is larger', theirs: 'theirs' }, OLD, 'local', false],
    ['larger', { mine: 'mine', theirs: 'theirs is larger' }, NEW, 'cloud', false],
    ['larger', { mine: 'same', theirs: 'size' }, NEW, 'cloud', true],
    ['local', { mine: 'mine', theirs: 'theirs is larger' }, OLD, 'local', false],
    ['local', { mine: 'mine is larger', theirs: 'theirs' }, NEW, 'local', false],
    ['cloud', { mine: 'mine is larger', theirs: 'theirs' }, NEW, 'cloud', false],
    ['cloud', { mine: 'mine', theirs: 'theirs is larger' }, OLD, 'cloud', false],
  ])('%s: %o at %o: %s keeps the name', async (conflicts, texts, times, kept, open) => {
    const laptop = await testDevice(bucket, 'laptop');
    await laptop.write('n.md', 'agreed');
    await laptop.sync();
    await laptop.write('n.md', texts.mine);
    await utimes(join(laptop.root, 'n.md'), times.mine, times.mine);
    await bucket.put('n.md', texts.theirs, { 'x-amz-meta-mtime': String(times.theirs) });
    const result = await laptop.sync({ conflicts });
    expect(result.conflicts).toMatchObject([{ path: 'n.md', kept, open }]);
    expect(result.exitCode).toBe(open ? 3 : 0);
    const [named, copied] =
      kept === 'local' ? [texts.mine, texts.theirs] : [texts.theirs, texts.mine];
    const copy = result.conflicts[0]?.copy ?? '';
    expect(await laptop.files()).toEqual(
      new Map([
        ['n.md', named],
        [copy, copied],
      ]),
    );
    expect(await bucket.objects()).toEqual(await laptop.files());
  });
});

describe('a profile', () => {
  it.each([
    ['safe', 10, 'none', true],
    ['balanced', 25, 'newer', true],
    ['fast', 50, 'newer', false],
  ] as const)(
    '%s has the numbers of SPEC-8: %s %, %s, access check %s',
    (name, percent, conflicts, checkAccess) => {
      const profile = PROFILES[name];
      expect(profile).toMatchObject({ conflicts, checkAccess, maxDeletePercent: percent });
      const files = (count: number): Map<string, { size: number; md5: string }> =>
        new Map(Array.from({ length: count }, (_, at) => [`${at}`, { size: 1, md5: `${at}` }]));
      const baseline = new Map(
        [...files(100)].map(([path, entry]) => [path, { ...entry, etag: null }]),
      );
      const stopAt = (deleted: number): unknown => {
        const sides = { baseline, local: files(100 - deleted), remote: files(100) };
        return checkGuards(makePlan(baseline, sides.local, sides.remote), profile, sides);
      };
      expect(stopAt(percent)).toBeUndefined();
      expect(stopAt(percent + 1)).toMatchObject({ state: 'halted-delete-guard', side: 'remote' });
    },
  );
});
