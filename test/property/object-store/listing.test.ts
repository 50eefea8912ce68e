import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterPrefix,
  listPage,
  type ObjectSummary,
  type RowSource,
} from '../../../src/object-store/listing.ts';

const utf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Few letters, so that keys share prefixes; some outside of ASCII and of the first plane. */
const name = fc
  .array(fc.constantFrom('a', 'b', '/', '-', 'é', '～', '😀', '\u{10ffff}'), { maxLength: 6 })
  .map((letters) => letters.join(''));
const keys = fc
  .uniqueArray(
    name.filter((key) => key !== ''),
    { maxLength: 60 },
  )
  .map((list) => list.sort(utf8));

function rowsOf(sorted: string[]): RowSource {
  return (position, before, limit) => {
    const rows: ObjectSummary[] = sorted
      .filter((key) => utf8(key, position.from) >= (position.inclusive ? 0 : 1))
      .filter((key) => before === undefined || utf8(key, before) < 0)
      .slice(0, limit)
      .map((key) => ({ key, stamp: 1, size: 1, etag: 'e' }));
    return { rows, readTo: rows.length < limit ? undefined : rows.at(-1)?.key };
  };
}

/** What a listing is by its definition, without any index. */
function model(sorted: string[], prefix: string, delimiter: string): string[] {
  const seen: string[] = [];
  for (const key of sorted) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const shown = at < 0 ? key : `${key.slice(0, at + delimiter.length)}*`;
    if (seen.at(-1) !== shown) seen.push(shown);
  }
  return seen;
}

function pages(sorted: string[], prefix: string, delimiter: string, limit: number): string[] {
  const seen: string[] = [];
  let after = '';
  for (;;) {
    const page = listPage(rowsOf(sorted), { prefix, delimiter, after, limit });
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    for (const entry of page.entries) seen.push('key' in entry ? entry.key : `${entry.prefix}*`);
    if (!page.truncated) return seen;
    // A truncated page that is not full, or an empty one, would never come to an end.
    expect(page.entries.length).toBe(limit);
    const last = page.entries.at(-1)!;
    after = 'key' in last ? last.key : last.prefix;
  }
}

describe('listing', () => {
  it('in pages of any size is the listing by definition', () => {
    fc.assert(
      fc.property(
        keys,
        name,
        fc.constantFrom('', '/', '-', 'b', '//', '😀'),
        fc.integer({ min: 1, max: 12 }),
        (sorted, prefix, delimiter, limit) => {
          expect(pages(sorted, prefix, delimiter, limit)).toEqual(model(sorted, prefix, delimiter));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('after any key shows exactly what sorts after it', () => {
    fc.assert(
      fc.property(keys, name, (sorted, after) => {
        const { entries } = listPage(rowsOf(sorted), {
          prefix: '',
          delimiter: '',
          after,
          limit: 1000,
        });
        const shown = entries.map((entry) => ('key' in entry ? entry.key : ''));
        expect(shown).toEqual(sorted.filter((key) => after === '' || utf8(key, after) > 0));
      }),
    );
  });

  it('ends a prefix where it ends', () => {
    fc.assert(
      fc.property(name, name, (prefix, other) => {
        const end = afterPrefix(prefix);
        if (end === undefined) return;
        const inside = utf8(other, prefix) >= 0 && utf8(other, end) < 0;
        expect(inside).toBe(other.startsWith(prefix));
      }),
      { numRuns: 2000 },
    );
  });
});
