import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatListing, parseListing, UnknownListingError } from '../../../src/bisync/listing.ts';
import {
  conflictPath,
  decodeRcloneName,
  encodeRcloneName,
  hasLookAlike,
} from '../../../src/bisync/names.ts';
import { realRclone } from '../../support/rclone.ts';

const MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
const HEADER = '# bisync listing v1 from 2026-11-23T03:20:34.949965503+0000';
const line = (quoted: string, hash = `md5:${MD5}`): string =>
  `-        2 ${hash} - 0001-01-01T00:00:00.000000000+0000 "${quoted}"`;

describe("rclone's listing", () => {
  it('is parsed with its escapes', () => {
    const text = [
      HEADER,
      line('a.md'),
      line(String.raw`has \"quote\" and \\ back`),
      line(String.raw`soft\u00adhyphen\U000e0001`),
      line('new␊line.md'),
      line('multipart.bin', '-'),
      line(String.raw`bad\xff\xfe`),
      'd        0 - - 0001-01-01T00:00:00.000000000+0000 "folder"',
      '',
    ].join('\n');
    const { files, unreadableNames } = parseListing(text);
    expect([...files.keys()]).toEqual([
      'a.md',
      'has "quote" and \\ back',
      'soft\u00adhyphen\u{e0001}',
      'new\nline.md',
      'multipart.bin',
    ]);
    expect(files.get('a.md')).toEqual({ size: 2, md5: MD5 });
    expect(files.get('multipart.bin')).toEqual({ size: 2, md5: null });
    expect(unreadableNames).toEqual([String.raw`bad\xff\xfe`]);
  });

  it.each([
    ['another version', '# bisync listing v2 from 2026\n'],
    ['nothing', ''],
    ['a line of another form', `${HEADER}\nwhatever\n`],
    ['another hash', `${HEADER}\n${line('a', 'sha1:00')}\n`],
  ])('in a form that is not known is refused: %s', (_what, text) => {
    expect(() => parseListing(text)).toThrow(UnknownListingError);
  });

  it('comes back as it was written, whatever the names', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !/[/\0]/.test(text));
    const files = fc.dictionary(
      fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
      fc.record({ size: fc.nat(), md5: fc.constantFrom(MD5, null) }),
    );
    fc.assert(
      fc.property(files, (entries) => {
        const map = new Map(Object.entries(entries));
        expect(parseListing(formatListing(map, 0)).files).toEqual(map);
      }),
      // A line separator of Unicode, which ends no line of a listing.
      { examples: [[{ 'a\u2028b': { size: 0, md5: MD5 } }]] },
    );
  });

  it('that we write is taken by rclone as the baseline: nothing is a change', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloud-listing-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const sides = ['one', 'two'].map((side) => join(folder, side));
    const names = ['a b.md', 'quote".md', 'back\\slash', 'tab\tline\n', 'ünï😀', '100%', '.hidden'];
    const { path: rclone } = await realRclone();
    const run = promisify(execFile);
    const work = join(folder, 'work');
    await run('mkdir', [work, ...sides]);
    for (const side of sides) for (const name of names) await writeFile(join(side, name), '');
    const listing = formatListing(
      names.map((name) => [name, { size: 0, md5: MD5 }] as const),
      Date.now(),
    );
    const session = sides.map((side) => side.slice(1).replaceAll('/', '_')).join('..');
    for (const number of [1, 2]) {
      await writeFile(join(work, `${session}.path${number}.lst`), listing);
    }
    const argv = ['bisync', ...sides, '--workdir', work, '--dry-run', '--compare', 'size,checksum'];
    const { stderr } = await run(rclone, [...argv, '--config', '', '-v', '--color', 'NEVER']);
    expect(stderr).not.toContain('changes:');
    const left = (await readdir(work)).find((name) => name.endsWith('.path1.lst-dry'))!;
    const now = parseListing(await readFile(join(work, left), 'utf8'));
    expect([...now.files.keys()].sort()).toEqual([...names].sort());
  });
});

describe('names', () => {
  it('survive encoding and decoding', () => {
    const odd = fc.constantFrom(
      '\u201b',
      '\u2400',
      '\u240a',
      '\uff0f',
      '\uff0e',
      '.',
      '\n',
      'a',
      '␡',
    );
    fc.assert(
      fc.property(fc.string({ unit: odd, minLength: 1, maxLength: 6 }), (name) => {
        expect(decodeRcloneName(encodeRcloneName(name))).toBe(name);
      }),
    );
  });

  it('that rclone mixes up are known', () => {
    const mixed = ['a‛b', 'x/␀', '．', 'a/．．/b', 'full／width'];
    expect(mixed.map(hasLookAlike)).toEqual(mixed.map(() => true));
    expect(['a.b', 'full．stop', 'tab\t', '…'].map(hasLookAlike)).not.toContain(true);
  });

  it('of conflict copies keep the folder and the extension, and fit', () => {
    const now = new Date(2026, 10, 22, 12).getTime();
    const name = (path: string): string => conflictPath(path, 'laptop', now, 1);
    expect(name('notes/a.md')).toBe('notes/a (conflict laptop 2026-11-22 1).md');
    expect(name('.env')).toBe('.env (conflict laptop 2026-11-22 1)');
    expect(name('dir.d/none')).toBe('dir.d/none (conflict laptop 2026-11-22 1)');
    const long = name(`${'ü'.repeat(126)}.md`);
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(255);
    expect(long).toMatch(/ü \(conflict laptop 2026-11-22 1\)\.md$/);
  });
});
