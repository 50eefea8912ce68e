import { win32 } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unfitName } from '../../../src/bisync/name-rules.ts';
import { unsafeKey } from '../../../src/bisync/safe-path.ts';
import { pathInPair } from '../../../src/bisync/undo/undo-context.ts';
import { foldName } from '../../../src/platform/file-names.ts';
import { isInside, keyBelow, overlap } from '../../../src/platform/paths.ts';
import { platformOf } from '../../../src/platform/platform.ts';
import { privateAddress } from '../../../src/platform/private-address.ts';

const linux = platformOf('linux');
const macos = platformOf('darwin');
const windows = platformOf('win32');
const ROOTS = [
  ['linux', '/home/ada/Cloud'],
  ['darwin', '/Users/ada/Cloud'],
  ['win32', 'C:\\Users\\Ada\\Cloud'],
  ['win32', '\\\\server\\share\\Cloud'],
  ['win32', 'D:\\'],
] as const;

/** Pieces that mean something to one of the systems, and others. */
const piece = fc.oneof(
  fc.constantFrom(
    ...['..', '.', '/', '\\', ':', 'C:', 'c:foo', '\\\\server\\share\\', '\\\\?\\', '//', '~'],
    ...['CON', 'nul', 'com1', 'LPT¹', '.txt', ' ', '. ', '\0', '\n', '::$DATA', 'é', 'e\u0301'],
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
  fc.constantFrom('a', 'b', 'notes', 'x'.repeat(200)),
);
const anyKey = fc.array(piece, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''));

describe.each(ROOTS)('on %s, keys below %s', (name, root) => {
  const platform = platformOf(name);
  const fits = (key: string): boolean =>
    unsafeKey(key, name) === undefined &&
    unfitName(key, { platform: name, caseInsensitive: platform.foldsCase, root }) === undefined;

  test('a key that is taken stays inside, and comes back as it was', () => {
    let taken = 0;
    const property = fc.property(anyKey, (key) => {
      if (!fits(key)) return;
      taken += 1;
      const local = platform.path.join(root, ...key.split('/'));
      expect(keyBelow(root, local, platform)).toBe(key);
      expect(isInside(root, local, platform)).toBe(true);
      expect(pathInPair(root, local, platform)).toBe(key);
    });
    fc.assert(property, { numRuns: 2000 });
    expect(taken).toBeGreaterThan(200);
  });

  test.each([
    ...['../x', 'a/../../x', '/etc/passwd', 'a//b', './a', 'a/.', '', 'a\0b'],
    ...(platform.unix ? [] : ['..\\x', 'C:foo', 'C:\\x', '\\\\server\\share', 'a:stream', 'a/NUL']),
    ...(platform.unix ? [] : ['a\\..\\..\\x', 'end.', 'end ', '.. /x', '... /x', 'aux.md', '\\x']),
  ])('%j is never taken', (key) => {
    expect(fits(key)).toBe(false);
  });
});

describe('one path in another', () => {
  test.each([
    ['C:\\Users\\Ada', 'c:\\users\\ADA\\Cloud', 'Cloud'],
    ['C:\\Users\\Ada', 'C:\\Users\\Ada', ''],
    ['C:\\Users\\Ada', 'C:\\Users\\Adam', undefined],
    ['C:\\Users\\Ada', 'C:\\Users', undefined],
    ['C:\\Users\\Ada', 'D:\\Users\\Ada\\x', undefined],
    ['C:\\', 'C:\\x\\y', 'x/y'],
    ['\\\\server\\share', '\\\\server\\share\\x', 'x'],
    ['\\\\server\\share', '\\\\server\\other\\x', undefined],
    ['C:\\x', '\\\\server\\share', undefined],
    ['C:\\x', 'C:\\x\\..y', '..y'],
  ])('in %s is %s as %s', (outer, inner, key) => {
    expect(keyBelow(outer, inner, windows)).toBe(key);
    expect(isInside(outer, inner, windows)).toBe(key !== undefined);
  });

  test.each(['..\\x', 'D:\\x', 'C:..', '\\\\server\\share\\x', '.', ''])(
    'what a person calls %s is no file of the pair',
    (word) => {
      expect(() => pathInPair('C:\\Users\\Ada\\Cloud', word, windows)).toThrow('is no file');
    },
  );

  test.each([
    ['linux', '/a/Cloud', '/a/cloud/x', false],
    ['darwin', '/a/Cloud', '/a/cloud/x', true],
    ['darwin', '/a/caf\u00e9', '/a/cafe\u0301', true],
    ['darwin', '/a/Cloud', '/a/Clouds', false],
    ['win32', 'X:', 'x:\\Cloud', true],
    ['win32', 'X:', 'Y:\\Cloud', false],
    ['win32', 'C:\\Mine\\Cloud', 'c:\\mine', true],
    ['win32', 'C:\\a', 'D:\\a', false],
  ] as const)('on %s %s and %s overlap: %s', (name, one, other, expected) => {
    expect(overlap(one, other, platformOf(name))).toBe(expected);
    expect(overlap(other, one, platformOf(name))).toBe(expected);
  });
});

describe('names that are one', () => {
  const folding = { foldsCase: true, foldsForms: false };

  test('are so wherever Unicode says that only the case differs', () => {
    // The simple case folding of Unicode is what a regular expression does with `iu`.
    let [letters, pairs] = [0, 0];
    for (let code = 0x20; code <= 0x1_ffff; code += 1) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const letter = String.fromCodePoint(code);
      letters += 1;
      for (const other of [letter.toLowerCase(), letter.toUpperCase()]) {
        if (other === letter || other.length !== letter.length) continue;
        const isOne = new RegExp(`^${escaped(letter)}$`, 'iu').test(other);
        if (!isOne) continue;
        pairs += 1;
        expect([letter, foldName(letter, folding)]).toEqual([letter, foldName(other, folding)]);
      }
    }
    expect(letters).toBeGreaterThan(100_000);
    expect(pairs).toBeGreaterThan(2500);
  });

  test.each([
    ['ὈΔΥΣΣΕΎΣ', 'ὀδυσσεύς', true],
    ['ὀδυσσεύσ', 'ὀδυσσεύς', true],
    ['Maße', 'Masse', false],
    ['sınır', 'sinir', false],
    ['KELVIN', '\u212aelvin', true],
    ['𐐀', '𐐨', true],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(foldName(one, folding) === foldName(other, folding)).toBe(expected);
  });

  test('folding twice changes nothing more', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        for (const platform of [linux, macos, windows]) {
          const once = foldName(text, platform);
          expect(foldName(once, platform)).toBe(once);
        }
      }),
    );
  });
});

function escaped(letter: string): string {
  return `\\u{${letter.codePointAt(0)!.toString(16)}}`;
}

describe('a private address', () => {
  test('on Windows is a short name that tells nothing of the secret, however deep the folder', async () => {
    const secret = 'f00dfeed'.repeat(4);
    const folder = `C:\\${'deep\\'.repeat(80)}`;
    const of = async (text: string): Promise<string> =>
      (await privateAddress(folder, { name: 'control', secret: text }, windows)).address;
    const address = await of(secret);
    expect(address).toMatch(/^\\\\\.\\pipe\\[\w-]{1,240}$/);
    expect(win32.isAbsolute(address)).toBe(true);
    expect(address).not.toContain(secret.slice(0, 8));
    expect(await of(secret)).toBe(address);
    expect(await of(`${secret}0`)).not.toBe(address);
  });

  test.each(['linux', 'darwin'] as const)(
    'on %s is a socket whose path is never too long',
    async (name) => {
      for (const folder of ['/run/user/1000/cloud', `/${'d'.repeat(200)}`]) {
        const { address, remove } = await privateAddress(
          folder,
          { name: 'control-12345678', secret: 's' },
          platformOf(name),
        );
        expect(Buffer.byteLength(address)).toBeLessThan(104);
        expect(address.endsWith('/control-12345678.sock')).toBe(true);
        await remove();
      }
    },
  );
});
