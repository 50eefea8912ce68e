import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGuards } from '../../../src/bisync/guards.ts';
import { makePlan, type Action } from '../../../src/bisync/plan.ts';
import { PROFILES } from '../../../src/bisync/profiles.ts';
import type { BaselineEntry, Version } from '../../../src/bisync/versions.ts';

const hash = (text: string): string => text.repeat(32).slice(0, 32);
const version = (text: string): Version => ({ size: 1, md5: hash(text) });
const agreed = (text: string): BaselineEntry => ({ size: 1, md5: hash(text), etag: null });
const multipart = (etag: string): Version => ({ size: 1, md5: null, etag });

const only = <T>(value: T | undefined): Map<string, T> =>
  new Map(value === undefined ? [] : [['p', value]]);

/** The one action for one path, or `unchanged`. */
function decide(
  base: BaselineEntry | undefined,
  local: Version | undefined,
  remote: Version | undefined,
): Action['type'] | 'unchanged' {
  return makePlan(only(base), only(local), only(remote)).actions[0]?.type ?? 'unchanged';
}

describe('the three-way comparison', () => {
  // a, b, c are contents; - is nothing.
  it.each([
    ['a', 'a', 'a', 'unchanged'],
    ['a', 'b', 'a', 'upload'],
    ['a', 'a', 'b', 'download'],
    ['a', 'b', 'b', 'agree'],
    ['a', 'b', 'c', 'conflict'],
    ['a', '-', 'a', 'delete-remote'],
    ['a', 'a', '-', 'delete-local'],
    ['a', '-', 'b', 'download'],
    ['a', 'b', '-', 'upload'],
    ['a', '-', '-', 'forget'],
    ['-', 'a', '-', 'upload'],
    ['-', '-', 'a', 'download'],
    ['-', 'a', 'a', 'agree'],
    ['-', 'a', 'b', 'conflict'],
  ] as const)('agreed %s, local %s, remote %s: %s', (base, local, remote, expected) => {
    const side = (text: string): Version | undefined => (text === '-' ? undefined : version(text));
    const ancestor = (base as string) === '-' ? undefined : agreed(base);
    expect(decide(ancestor, side(local), side(remote))).toBe(expected);
  });

  it('compares objects without an MD5 by their ETag, so an edit of the same size is seen', () => {
    const base = { ...agreed('a'), etag: '"one-2"' };
    expect(decide(base, version('a'), multipart('"one-2"'))).toBe('unchanged');
    expect(decide(base, version('a'), multipart('"two-2"'))).toBe('download');
    expect(decide(base, version('b'), multipart('"one-2"'))).toBe('upload');
    expect(decide(base, version('b'), multipart('"two-2"'))).toBe('compare');
    expect(decide(undefined, version('a'), multipart('"one-2"'))).toBe('compare');
    expect(decide(base, undefined, multipart('"one-2"'))).toBe('delete-remote');
  });

  it('takes a vanished and an appeared path of the same content for a rename, empty files not', () => {
    const base = new Map([
      ['old', agreed('a')],
      ['empty', { size: 0, md5: hash('0'), etag: null }],
    ]);
    const local = new Map([
      ['new', version('a')],
      ['other-empty', { size: 0, md5: hash('0') }],
    ]);
    const remote = new Map([
      ['old', version('a')],
      ['empty', { size: 0, md5: hash('0') }],
    ]);
    expect(makePlan(base, local, remote).renames).toEqual([
      { side: 'local', from: 'old', to: 'new' },
    ]);
  });
});

const paths: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c/d', 'c/e', 'f');
const contents = fc.constantFrom('1', '2', '3');
const side = fc
  .array(fc.tuple(paths, contents))
  .map((pairs) => new Map(pairs.map(([path, text]) => [path, version(text)])));
const ancestor = fc
  .array(fc.tuple(paths, contents))
  .map((pairs) => new Map(pairs.map(([path, text]) => [path, agreed(text)])));

describe('the laws of a synchronizer (Balasubramaniam and Pierce)', () => {
  it('equal stays untouched; changed on one side is carried over; changed on both is never lost', () => {
    fc.assert(
      fc.property(ancestor, side, side, (base, local, remote) => {
        const plan = makePlan(base, local, remote);
        for (const path of new Set([...base.keys(), ...local.keys(), ...remote.keys()])) {
          const [b, l, r] = [base.get(path)?.md5, local.get(path)?.md5, remote.get(path)?.md5];
          const type = plan.actions.find((action) => action.path === path)?.type ?? 'unchanged';
          if (l === r) expect(['unchanged', 'agree', 'forget']).toContain(type);
          else if (l === b) expect(type).toBe(r === undefined ? 'delete-local' : 'download');
          else if (r === b) expect(type).toBe(l === undefined ? 'delete-remote' : 'upload');
          else if (l !== undefined && r !== undefined) expect(type).toBe('conflict');
          // An edit wins against a delete.
          else expect(type).toBe(l === undefined ? 'download' : 'upload');
        }
      }),
    );
  });

  it('with an empty ancestor nothing is deleted', () => {
    fc.assert(
      fc.property(side, side, (local, remote) => {
        const types = makePlan(new Map(), local, remote).actions.map(({ type }) => type);
        expect(types.filter((type) => type.startsWith('delete') || type === 'forget')).toEqual([]);
      }),
    );
  });

  it('a plan that is carried out leaves nothing to do', () => {
    fc.assert(
      fc.property(ancestor, side, side, (base, local, remote) => {
        for (const action of makePlan(base, local, remote).actions) {
          const { path } = action;
          const [l, r] = [local.get(path), remote.get(path)];
          const winner = action.type === 'upload' ? l : action.type === 'agree' ? l : r;
          const gone = action.type.startsWith('delete') || action.type === 'forget';
          for (const map of [local, remote]) {
            if (gone) map.delete(path);
            else if (winner !== undefined) map.set(path, winner);
          }
          if (gone || winner === undefined) base.delete(path);
          else base.set(path, { size: 1, md5: winner.md5 ?? '', etag: null });
        }
        expect(makePlan(base, local, remote).actions).toEqual([]);
      }),
    );
  });
});

describe('the guards', () => {
  const files = (number: number): [Map<string, BaselineEntry>, Map<string, Version>] => {
    const names = Array.from({ length: number }, (_, index) => `f${index}`);
    const text = (name: string): string => name.slice(1).padStart(4, '0');
    return [
      new Map(names.map((name) => [name, agreed(text(name))])),
      new Map(names.map((name) => [name, version(text(name))])),
    ];
  };
  const stopped = (total: number, deleted: number, profile: keyof typeof PROFILES): string => {
    const [baseline, remote] = files(total);
    const local = new Map([...remote].slice(deleted));
    const plan = makePlan(baseline, local, remote);
    return checkGuards(plan, PROFILES[profile], { baseline, local, remote })?.state ?? 'free';
  };

  it('count what is synced now, not what is ignored or gone on both sides', () => {
    const [baseline, all] = files(100);
    const remote = new Map([...all].slice(80));
    const local = new Map([...remote].slice(5));
    const plan = makePlan(baseline, local, remote);
    const stop = checkGuards(plan, PROFILES.safe, { baseline, local, remote });
    expect(stop).toMatchObject({ state: 'halted-delete-guard' });
    expect(stop?.message).toContain('5 files of 20 (25 %)');
  });

  it.each([
    [100, 10, 'safe', 'free'],
    [100, 11, 'safe', 'halted-delete-guard'],
    [100, 25, 'balanced', 'free'],
    [100, 26, 'balanced', 'halted-delete-guard'],
    [100, 50, 'fast', 'free'],
    [100, 51, 'fast', 'halted-delete-guard'],
    [3, 1, 'safe', 'free'],
    [3, 2, 'safe', 'halted-delete-guard'],
    [2000, 101, 'safe', 'halted-delete-guard'],
    [3, 3, 'fast', 'halted-root-emptied'],
    [1, 1, 'safe', 'free'],
  ] as const)('%i files, %i deleted, %s: %s', (total, deleted, profile, expected) => {
    expect(stopped(total, deleted, profile)).toBe(expected);
  });
});
