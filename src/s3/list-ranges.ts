import { inParallel } from '../platform/in-parallel.ts';
import type { ListedObject, ListPage } from './list.ts';
import { PARALLEL_REQUESTS } from './request.ts';

/** The first page, the one after a key, or the one that a token of an earlier page names. */
export type PageStart = { after: string } | { token: string } | null;

export type FetchPage = (from: PageStart) => Promise<ListPage>;

/** A page holds a thousand; some room for what is new since the keys were known. */
const KEYS_A_RANGE = 950;

/**
 * Where to split a listing so that each part is about one page.
 *
 * @param keys what the bucket is believed to hold, in any order; only the speed depends on it
 */
export function splittingKeys(keys: Iterable<string>): string[] {
  const sorted = [...keys].sort();
  const parts = Math.ceil(sorted.length / KEYS_A_RANGE);
  const chosen = Array.from(
    { length: Math.max(0, parts - 1) },
    (_, index) => sorted[Math.floor(((index + 1) * sorted.length) / parts)] ?? '',
  );
  return chosen.sort(compareKeys);
}

/**
 * Lists a bucket in ranges of keys at the same time, each of them page after page. The pages of one
 * range come one after the other, the ranges in any order; no key comes twice.
 *
 * @param at the keys between the ranges, in the order of the bucket
 */
export async function listInRanges(
  fetchPage: FetchPage,
  at: readonly string[],
  onPage: (objects: readonly ListedObject[]) => void,
): Promise<void> {
  const ranges = [...at, undefined].map((end, index) => ({ start: at[index - 1], end }));
  await inParallel(ranges, PARALLEL_REQUESTS, (range) => listRange(fetchPage, range, onPage));
}

/** Keys after `start`, up to and with `end`. */
async function listRange(
  fetchPage: FetchPage,
  { start, end }: { start: string | undefined; end: string | undefined },
  onPage: (objects: readonly ListedObject[]) => void,
): Promise<void> {
  let page = await fetchPage(start === undefined ? null : { after: start });
  for (;;) {
    const last = page.objects.at(-1)?.key;
    const isLast = end !== undefined && last !== undefined && compareKeys(last, end) >= 0;
    // A storage that does not know where to start would give everything in each range.
    const inside = page.objects.filter(
      ({ key }) =>
        (start === undefined || compareKeys(key, start) > 0) &&
        (end === undefined || compareKeys(key, end) <= 0),
    );
    onPage(inside);
    if (isLast || page.next === undefined) return;
    page = await fetchPage({ token: page.next });
  }
}

/** S3 lists in the order of the keys' bytes, which is that of their code points. */
function compareKeys(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index += 1) {
    const [a, b] = [one.charCodeAt(index), other.charCodeAt(index)];
    if (a === b) continue;
    // Halves of surrogate pairs stand for what comes after all other characters.
    const [high, otherHigh] = [isSurrogate(a), isSurrogate(b)];
    return high === otherHigh ? a - b : high ? 1 : -1;
  }
  return one.length - other.length;
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}
