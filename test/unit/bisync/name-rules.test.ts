import { describe, expect, it } from 'vitest';
import { unfitForWindows } from '../../../src/platform/file-names.ts';
import { findCollisions, foldAnywhere, foldOf, unfitName } from '../../../src/bisync/name-rules.ts';

const FITS_WINDOWS = [
  ...['a.md', 'ä/ö.md', '.hidden', 'a b.md', 'console.md', 'com10.txt', 'a.con', 'nullify', ' a'],
];
const UNFIT_FOR_WINDOWS = [
  ...['CON', 'nul', 'Aux.md', 'x/prn.tar.gz', 'com1', 'LPT9.txt', 'COM¹', 'con .md', 'CONIN$'],
  ...['a.', 'a ', 'dir./x', 'dir /x', 'a<b', 'a>b', 'a:b', 'a"b', 'a|b', 'a?b', 'a*b', 'a\\b'],
  ...['a\u0001b', 'a\tb', 'x'.repeat(256)],
];

describe('names', () => {
  it.each(FITS_WINDOWS)('%j fits everywhere', (path) => {
    expect(unfitForWindows(path)).toBeUndefined();
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      expect(unfitName(path, { platform, caseInsensitive: false, root: '/r' })).toBeUndefined();
    }
  });

  it.each(UNFIT_FOR_WINDOWS)('%j does not fit Windows', (path) => {
    expect(unfitForWindows(path)).toMatch(/^Windows/);
    expect(
      unfitName(path, { platform: 'win32', caseInsensitive: true, root: 'C:/r' }),
    ).toBeDefined();
  });

  const root = `/${'r'.repeat(99)}`;
  it.each([
    ['linux', 'x'.repeat(255), true],
    ['linux', 'x'.repeat(256), false],
    // 255 bytes are 127 of these.
    ['linux', 'é'.repeat(128), false],
    ['darwin', 'é'.repeat(255), true],
    ['darwin', 'é'.repeat(256), false],
    ['linux', Array(5).fill('d'.repeat(200)).join('/'), true],
    ['linux', Array(6).fill('d'.repeat(200)).join('/'), false],
    ['darwin', Array(5).fill('d'.repeat(180)).join('/'), true],
    ['darwin', Array(5).fill('d'.repeat(190)).join('/'), false],
  ] as const)('on %s the length of %s: fits %s', (platform, path, fits) => {
    const why = unfitName(path, { platform, caseInsensitive: false, root });
    expect(why === undefined).toBe(fits);
  });
});

describe('collisions', () => {
  it.each([
    [['A.md'], ['a.md'], { 'a.md': 'A.md' }],
    [[], ['A.md', 'a.md'], { 'a.md': 'A.md' }],
    [['Dir/x'], ['dir/y'], { 'dir/y': 'Dir' }],
    [['caf\u00e9'], ['cafe\u0301'], { 'cafe\u0301': 'caf\u00e9' }],
    [['a.md'], ['b.md', 'dir/a.md'], {}],
    // A file where another has a folder is no matter of names.
    [['a'], ['a/b'], {}],
    [['a', 'A'], ['b'], {}],
  ])('%j, and then %j', (standing, others, clashes) => {
    expect(Object.fromEntries(findCollisions(standing, others, foldAnywhere))).toEqual(clashes);
  });

  it('each system folds what it folds', () => {
    const fold = (platform: NodeJS.Platform, caseInsensitive: boolean): string[] =>
      ['\u00c9', 'e\u0301'].map(foldOf({ platform, caseInsensitive, root: '/' }));
    expect(fold('linux', false)).toEqual(['\u00c9', 'e\u0301']);
    expect(fold('win32', true)).toEqual(['\u00e9', 'e\u0301']);
    expect(fold('darwin', true)).toEqual(['\u00e9', '\u00e9']);
    expect(fold('darwin', false)).toEqual(['\u00c9', '\u00e9']);
  });
});
