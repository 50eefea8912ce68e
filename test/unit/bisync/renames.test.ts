import { expect, it } from 'vitest';
import { checkGuards, wouldGo } from '../../../src/bisync/guards.ts';
import { makePlan, type Plan } from '../../../src/bisync/plan.ts';
import { PROFILES } from '../../../src/bisync/profiles.ts';
import type { BaselineEntry, Version } from '../../../src/bisync/versions.ts';

type Files = Record<string, string>;

/** Content by its letter; `''` is an empty file. */
function side(files: Files): Map<string, Version & BaselineEntry> {
  return new Map(
    Object.entries(files).map(([path, text]) => {
      const md5 = text.padEnd(32, '0');
      return [path, { size: text.length, md5, etag: null }] as never;
    }),
  );
}

function planOf(agreed: Files, local: Files): Plan {
  return makePlan(side(agreed), side(local), side(agreed));
}

function renamesOf(agreed: Files, local: Files): string[] {
  return planOf(agreed, local).renames.map(({ from, to }) => `${from} → ${to}`);
}

it('the same content under another name is a rename; an empty file only under its own name', () => {
  expect(renamesOf({ a: 'x' }, { b: 'x' })).toEqual(['a → b']);
  expect(renamesOf({ a: '' }, { b: '' })).toEqual([]);
  expect(renamesOf({ 'old/a': '' }, { 'new/a': '' })).toEqual(['old/a → new/a']);
  expect(renamesOf({ a: 'x', b: 'x' }, { c: 'x' })).toHaveLength(1);
});

it('a file that was edited goes along with its moved folder', () => {
  const agreed = { 'p/old/a': 'x', 'p/old/deep/b': 'y', 'p/old/deep/c': 'z', other: 'o' };
  const local = { 'p/new/a': 'x', 'p/new/deep/b': 'edited', 'p/new/deep/c': 'z', other: 'o' };
  expect(renamesOf(agreed, local).sort()).toEqual([
    'p/old/a → p/new/a',
    'p/old/deep/b → p/new/deep/b',
    'p/old/deep/c → p/new/deep/c',
  ]);
  // Without another file that shows the move it is a delete and a new file.
  expect(renamesOf({ 'old/a': 'x' }, { 'new/a': 'edited' })).toEqual([]);
  // A file renamed on its own says nothing about its folder.
  expect(renamesOf({ 'old/a': 'x', 'old/b': 'y' }, { 'new/c': 'x', 'new/b': 'z' })).toEqual([
    'old/a → new/c',
  ]);
});

it('a moved folder of 500 files, some empty and some edited, is no mass deletion', () => {
  const agreed: Files = { keep: 'k' };
  const local: Files = { keep: 'k' };
  for (let index = 0; index < 500; index += 1) {
    const text = index % 5 === 0 ? '' : `text ${index}`;
    agreed[`old/${index % 7}/f${index}`] = text;
    local[`new/${index % 7}/f${index}`] = index % 50 === 1 ? 'edited' : text;
  }
  const plan = planOf(agreed, local);
  expect(plan.renames).toHaveLength(500);
  const sides = { baseline: side(agreed), local: side(local), remote: side(agreed) };
  expect(checkGuards(plan, PROFILES.safe, sides)).toBeUndefined();
});

it('what would go is named one by one, or by folder when it is much', () => {
  expect(wouldGo(['a', 'b/c'])).toEqual(['Would be deleted: a, b/c']);
  const many = [
    ...Array.from({ length: 340 }, (_, index) => `photos/2019/${index}.jpg`),
    ...Array.from({ length: 12 }, (_, index) => `photos/2020/trip/${index}.jpg`),
    'photos/list.md',
  ];
  expect(wouldGo(many)).toEqual([
    'Would be deleted:',
    '  photos/2019/ (340 files)',
    '  photos/2020/ (12 files)',
    '  photos/list.md',
  ]);
  const wide = Array.from({ length: 40 }, (_, index) => `d${index}/f`);
  expect(wouldGo(wide).at(-1)).toBe('  and 32 files more');
});

it('a folder whose copy came before its delete was told of is no mass deletion', () => {
  const agreed: Files = { keep: 'k', 'keep-too': 'kk' };
  for (let index = 0; index < 50; index += 1) {
    agreed[`old/f${index}`] = `text ${index}`;
    agreed[`new/f${index}`] = `text ${index}`;
  }
  const local = Object.fromEntries(
    Object.entries(agreed).filter(([path]) => !path.startsWith('old/')),
  );
  const guarded = (sides: { agreed: Files; local: Files }) =>
    checkGuards(planOf(sides.agreed, sides.local), PROFILES.balanced, {
      ...{ baseline: side(sides.agreed), local: side(sides.local), remote: side(sides.agreed) },
    });
  expect(guarded({ agreed, local })).toBeUndefined();
  // Both of them gone, nothing speaks for either.
  const nothing = { keep: 'k', 'keep-too': 'kk' };
  expect(guarded({ agreed, local: nothing })?.paths).toHaveLength(100);
  // One copy speaks for one file.
  const twice = { ...agreed, 'more/f0': 'text 0', 'more/f1': 'text 1' };
  const left = { keep: 'k', 'new/f0': 'text 0', 'new/f1': 'text 1' };
  expect(guarded({ agreed: twice, local: left })?.paths).toHaveLength(99);
});
