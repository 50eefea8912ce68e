import { integerColumn, optionalInteger, textColumn, type Database, type Row } from './database.ts';

/** What a listing shows of an object. */
export interface ObjectSummary {
  readonly key: string;
  readonly stamp: number;
  readonly size: number;
  readonly etag: string;
  /** When a soft-deleted object was deleted. */
  readonly ended?: number | undefined;
}

/** Which objects a listing is over. */
export type ListingView =
  | { kind: 'current' }
  /** As it was at this stamp, in a bucket that keeps versions. */
  | { kind: 'at'; stamp: number }
  /** Soft-deleted and still restorable at this stamp; the last version of each key. */
  | { kind: 'deleted'; now: number };

export interface ListingQuery {
  bucket: number;
  view: ListingView;
  prefix: string;
  delimiter: string;
  /** Only what sorts after this key or common prefix. */
  after: string;
  limit: number;
}

/** Entries in order of UTF-8 bytes: objects, and the common prefixes that stand for several. */
export interface ListingPage {
  entries: (ObjectSummary | { prefix: string })[];
  truncated: boolean;
}

/** Where in the key space to read next. */
interface Position {
  from: string;
  inclusive: boolean;
}

/** Rows of one bucket in key order, and how far they go: undefined means to the end. */
export interface Rows {
  rows: ObjectSummary[];
  readTo: string | undefined;
}

/** Reads about `limit` rows from a position on; `before` is exclusive. */
export type RowSource = (position: Position, before: string | undefined, limit: number) => Rows;

const FIRST_BATCH = 8;
const LARGEST_BATCH = 1001;

/**
 * One page of a listing. Each page starts with a seek in the index, and a common prefix is passed
 * over with another seek, so the cost depends on the size of the page and not of the bucket.
 */
export function listPage(
  rows: RowSource,
  query: Omit<ListingQuery, 'bucket' | 'view'>,
): ListingPage {
  const { prefix, delimiter, limit } = query;
  const entries: ListingPage['entries'] = [];
  if (limit === 0) return { entries, truncated: false };
  const end = prefix === '' ? undefined : afterPrefix(prefix);
  let position = startOf(query);
  let batch = delimiter === '' ? Math.min(limit + 1, LARGEST_BATCH) : FIRST_BATCH;
  while (position !== undefined) {
    const { rows: found, readTo } = rows(position, end, batch);
    let prefixToSkip: string | undefined;
    for (const row of found) {
      if (prefixToSkip !== undefined && row.key.startsWith(prefixToSkip)) continue;
      prefixToSkip = commonPrefix(row.key, prefix, delimiter);
      entries.push(prefixToSkip === undefined ? row : { prefix: prefixToSkip });
      if (entries.length > limit) {
        entries.pop();
        return { entries, truncated: true };
      }
    }
    if (readTo === undefined) break;
    if (prefixToSkip === undefined) {
      position = { from: readTo, inclusive: false };
      batch = Math.min(batch * 2, LARGEST_BATCH);
    } else {
      const next = afterPrefix(prefixToSkip);
      position = next === undefined ? undefined : { from: next, inclusive: true };
      batch = FIRST_BATCH;
    }
  }
  return { entries, truncated: false };
}

function startOf(query: Omit<ListingQuery, 'bucket' | 'view'>): Position | undefined {
  const { prefix, delimiter, after } = query;
  if (after === '') return { from: prefix, inclusive: true };
  const passed = after.startsWith(prefix) ? commonPrefix(after, prefix, delimiter) : undefined;
  if (passed !== undefined) {
    const from = afterPrefix(passed);
    return from === undefined ? undefined : { from, inclusive: true };
  }
  // The rows are compared as UTF-8; a prefix that sorts after the marker starts the page.
  return Buffer.compare(Buffer.from(after), Buffer.from(prefix)) < 0
    ? { from: prefix, inclusive: true }
    : { from: after, inclusive: false };
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

/**
 * The smallest string that sorts after everything that starts with `prefix`, in UTF-8 order;
 * undefined when there is none.
 */
export function afterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last >= 0x10ffff) continue;
    // Surrogates are no characters and have no UTF-8 form.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return points.map((point) => String.fromCodePoint(point)).join('') + String.fromCodePoint(next);
  }
  return undefined;
}

/** Rows of a bucket from the index. */
export function indexRows(database: Database, bucket: number, view: ListingView): RowSource {
  return (position, before, limit) => {
    const rows = selectRows(database, bucket, view, position, before, limit).map(toSummary);
    return { rows, readTo: rows.length < limit ? undefined : rows.at(-1)?.key };
  };
}

/** Any blob sorts after any text, so it serves as "no end". */
const NO_END = new Uint8Array(0);

function selectRows(
  database: Database,
  bucket: number,
  view: ListingView,
  position: Position,
  before: string | undefined,
  limit: number,
): Row[] {
  const range = `bucket = ? AND key ${position.inclusive ? '>=' : '>'} ? AND key < ?`;
  const bounds = [bucket, position.from, before ?? NO_END] as const;
  switch (view.kind) {
    case 'current':
      return database.all(
        `SELECT key, stamp, size, etag FROM objects WHERE ${range} ORDER BY key LIMIT ?`,
        ...bounds,
        limit,
      );
    case 'at':
      return database.all(
        `SELECT key, stamp, size, etag FROM objects WHERE ${range} AND stamp <= ?
         UNION ALL
         SELECT key, stamp, size, etag FROM history WHERE ${range} AND stamp <= ? AND ended > ?
         ORDER BY key LIMIT ?`,
        ...bounds,
        view.stamp,
        ...bounds,
        view.stamp,
        view.stamp,
        limit,
      );
    case 'deleted':
      return database.all(
        `SELECT key, max(stamp) AS stamp, size, etag, ended FROM history
         WHERE ${range} AND deleted = 1 AND expires > ? GROUP BY key ORDER BY key LIMIT ?`,
        ...bounds,
        view.now,
        limit,
      );
  }
}

function toSummary(row: Row): ObjectSummary {
  return {
    key: textColumn(row, 'key'),
    stamp: integerColumn(row, 'stamp'),
    size: integerColumn(row, 'size'),
    etag: textColumn(row, 'etag'),
    ended: optionalInteger(row, 'ended'),
  };
}
