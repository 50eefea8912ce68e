import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { S3RequestError } from '../../../src/s3/errors.ts';
import { parseListPage, type ListedObject, type ListPage } from '../../../src/s3/list.ts';
import { listInRanges, splittingKeys, type FetchPage } from '../../../src/s3/list-ranges.ts';

const ENTRY = `<Contents><Key>dir%2Fa+b%25%26.md</Key><LastModified>2026-11-25T18:30:00.000Z</LastModified>
<ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><Size>12</Size></Contents>`;
const OBJECT = { key: 'dir/a b%&.md', size: 12, etag: '"0123456789abcdef0123456789abcdef"' };
const page = (inside: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</ListBucketResult>`;

describe('a page of a listing', () => {
  const whole: ListPage = { objects: [OBJECT], next: undefined };
  it.each([
    ['as most storages write it', '<KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>', ENTRY],
    ['without a count', '<IsTruncated>false</IsTruncated>', ENTRY],
    ['with a wrong count', '<KeyCount>7</KeyCount><IsTruncated>false</IsTruncated>', ENTRY],
    ['with a comment', '<!-- <Contents> --><KeyCount>1</KeyCount>', ENTRY],
    ['with attributes', '<KeyCount>1</KeyCount>', ENTRY.replace('<Contents>', '<Contents a="b">')],
    [
      'with another entity',
      '<KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>',
      ENTRY.replaceAll('&quot;', '&#x22;'),
    ],
    ['with spaces', '<KeyCount>1</KeyCount>\n <IsTruncated>false</IsTruncated>\n ', ENTRY],
  ])('is understood %s', async (_how, head, entry) => {
    expect(await parseListPage(page(head + entry))).toEqual(whole);
  });

  it('names the next one, in either form', async () => {
    const more =
      '<IsTruncated>true</IsTruncated><NextContinuationToken>1&amp;2==</NextContinuationToken>';
    for (const count of ['<KeyCount>1</KeyCount>', '']) {
      expect(await parseListPage(page(count + more + ENTRY))).toEqual({ ...whole, next: '1&2==' });
    }
  });

  it('is refused when it is none, or says that more comes and not how', async () => {
    await expect(parseListPage('<html>Welcome</html>')).rejects.toThrow(S3RequestError);
    const lost = page(`<KeyCount>1</KeyCount><IsTruncated>true</IsTruncated>${ENTRY}`);
    await expect(parseListPage(lost)).rejects.toThrow(S3RequestError);
  });
});

/** A storage with these keys, in the order of their bytes, and pages of so many. */
function storage(keys: ReadonlySet<string>, pageSize: number, knowsStart: boolean): FetchPage {
  const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return (from) => {
    const after = from === null || !('after' in from) || !knowsStart ? undefined : from.after;
    const start =
      from !== null && 'token' in from
        ? Number(from.token)
        : sorted.findIndex(
            (key) =>
              after === undefined || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0,
          );
    const begin = start === -1 ? sorted.length : start;
    const end = begin + pageSize;
    const objects = sorted.slice(begin, end).map((key) => ({ key, size: 1, etag: '"e"' }));
    return Promise.resolve({ objects, next: end < sorted.length ? String(end) : undefined });
  };
}

describe('a listing in ranges', () => {
  const name = fc.string({
    unit: fc.constantFrom('a', 'b', '/', '~', 'é', '\uffff', '\u{1f600}'),
    minLength: 1,
    maxLength: 4,
  });

  it('has every key once, wherever it is split', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { maxLength: 60 }),
        fc.uniqueArray(name, { maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (keys, others, pageSize, knowsStart) => {
          const byBytes = (a: string, b: string): number =>
            Buffer.compare(Buffer.from(a), Buffer.from(b));
          const at = [...new Set([...keys.filter((_, index) => index % 5 === 0), ...others])];
          const found: ListedObject[] = [];
          const fetchPage = storage(new Set(keys), pageSize, knowsStart);
          await listInRanges(fetchPage, at.sort(byBytes), (page) => found.push(...page));
          expect(found.map(({ key }) => key).sort(byBytes)).toEqual([...keys].sort(byBytes));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('needs about as many requests as pages, and splits in the order of the bucket', async () => {
    const keys = Array.from(
      { length: 10_000 },
      (_, index) => `${index % 7}/\u{1f600}${index}\uffff`,
    );
    const at = splittingKeys(keys);
    const sorted = at.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(at).toEqual(sorted);
    const fetchPage = storage(new Set(keys), 1000, true);
    let [requests, found] = [0, 0];
    await listInRanges(
      (from) => {
        requests += 1;
        return fetchPage(from);
      },
      at,
      (page) => (found += page.length),
    );
    expect(found).toBe(10_000);
    expect(requests).toBeLessThanOrEqual(12);
    expect(splittingKeys([])).toEqual([]);
    expect(splittingKeys(keys.slice(0, 900))).toEqual([]);
  });

  it('fails with the first range that fails', async () => {
    const failing: FetchPage = (from) =>
      from === null
        ? Promise.resolve({ objects: [], next: undefined })
        : Promise.reject(new Error('no'));
    await expect(listInRanges(failing, ['a', 'b'], () => undefined)).rejects.toThrow('no');
  });
});
