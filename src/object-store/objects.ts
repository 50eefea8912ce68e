import type { Bodies, Segment } from './bodies.ts';
import type { Bucket } from './buckets.ts';
import type { ChecksumAlgorithm } from './checksums.ts';
import { indexRows, type ListingView, type RowSource } from './listing.ts';
import type { RecentChanges } from './recent-changes.ts';
import { integerColumn, optionalText, textColumn, type Database, type Row } from './database.ts';

/** A checksum kept with an object, as the SDKs ask for it. */
export interface StoredChecksum {
  algorithm: ChecksumAlgorithm;
  /** Base64; a composite one ends in `-<number of parts>`. */
  value: string;
  type: 'FULL_OBJECT' | 'COMPOSITE';
}

/** Response headers kept with an object (`content-type`, `x-amz-meta-…`), lower-case names. */
export type StoredHeaders = Readonly<Record<string, string>>;

export interface ObjectRecord {
  readonly key: string;
  /** When this version was written, microseconds since the epoch. */
  readonly stamp: number;
  readonly size: number;
  /** Without quotation marks. */
  readonly etag: string;
  readonly headers: StoredHeaders;
  readonly checksum: StoredChecksum | undefined;
  readonly segments: readonly Segment[];
}

/** A version in a bucket that keeps them, or the mark that a delete left (without size and ETag). */
export interface VersionRow {
  readonly key: string;
  readonly stamp: number;
  readonly size: number;
  readonly etag: string;
  readonly marker: boolean;
  readonly latest: boolean;
}

const COLUMNS = 'key, stamp, size, etag, headers, checksum, segments';
const DAY_US = 86_400_000_000;

function toObject(row: Row): ObjectRecord {
  return {
    key: textColumn(row, 'key'),
    stamp: integerColumn(row, 'stamp'),
    size: integerColumn(row, 'size'),
    etag: textColumn(row, 'etag'),
    headers: JSON.parse(textColumn(row, 'headers')) as StoredHeaders,
    checksum: parseOptional(optionalText(row, 'checksum')),
    segments: JSON.parse(textColumn(row, 'segments')) as Segment[],
  };
}

function parseOptional(text: string | undefined): StoredChecksum | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as StoredChecksum);
}

/** The objects of all buckets: present ones, versions that snapshots need, soft-deleted ones. */
export class Objects {
  readonly #database: Database;
  readonly #bodies: Bodies;
  readonly #recent: RecentChanges;
  constructor(database: Database, bodies: Bodies, recent: RecentChanges) {
    this.#recent = recent;
    this.#database = database;
    this.#bodies = bodies;
  }

  find(bucket: number, key: string): ObjectRecord | undefined {
    const row = this.#database.get(
      `SELECT ${COLUMNS} FROM objects WHERE bucket = ? AND key = ?`,
      bucket,
      key,
    );
    return row === undefined ? undefined : toObject(row);
  }

  /** The version that was current at `stamp`, in a bucket that keeps versions. */
  findAt(bucket: number, key: string, stamp: number): ObjectRecord | undefined {
    const current = this.find(bucket, key);
    if (current !== undefined && current.stamp <= stamp) return current;
    const row = this.#database.get(
      `SELECT ${COLUMNS} FROM history WHERE bucket = ? AND key = ? AND stamp <= ? AND ended > ?
       ORDER BY stamp DESC LIMIT 1`,
      bucket,
      key,
      stamp,
      stamp,
    );
    return row === undefined ? undefined : toObject(row);
  }

  /** Inside a write: `object` becomes current; what it replaces goes to history or is released. */
  put(bucket: Bucket, object: ObjectRecord): void {
    this.#retire(bucket, object.key, object.stamp, false);
    this.#database.run(
      `INSERT INTO objects (bucket, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      bucket.id,
      ...values(object),
    );
  }

  /** Inside a write: removes the current version. Returns what was there. */
  remove(bucket: Bucket, key: string, stamp: number): ObjectRecord | undefined {
    return this.#retire(bucket, key, stamp, true);
  }

  #retire(bucket: Bucket, key: string, stamp: number, deleted: boolean): ObjectRecord | undefined {
    const before = this.find(bucket.id, key);
    this.#recent.note(bucket.id, key, before);
    if (before === undefined) return undefined;
    // Where versions are kept anyway, a delete only ends the last of them.
    const days = deleted && !bucket.snapshots ? bucket.softDeleteDays : undefined;
    if (bucket.snapshots || days !== undefined) {
      const expires = days === undefined ? null : stamp + days * DAY_US;
      this.#database.run(
        `INSERT INTO history (bucket, ${COLUMNS}, ended, deleted, expires)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        bucket.id,
        ...values(before),
        stamp,
        deleted ? 1 : 0,
        expires,
      );
    } else {
      this.#bodies.release(before.segments);
    }
    this.#database.run('DELETE FROM objects WHERE bucket = ? AND key = ?', bucket.id, key);
    return before;
  }

  /** Inside a write: takes a row out without releasing its body, for a rename. */
  detach(bucket: number, key: string): void {
    this.#recent.note(bucket, key, this.find(bucket, key));
    this.#database.run('DELETE FROM objects WHERE bucket = ? AND key = ?', bucket, key);
  }

  /** Rows of a bucket in order of their keys, for a listing. */
  rows(bucket: number, view: ListingView): RowSource {
    const rows = indexRows(this.#database, bucket, view);
    return view.kind === 'current' ? this.#recent.apply(bucket, rows) : rows;
  }

  /** Soft-deleted versions that can still be restored, by key and newest first. */
  deletedVersions(bucket: number, prefix: string, now: number): ObjectRecord[] {
    return this.#database
      .all(
        `SELECT ${COLUMNS} FROM history WHERE bucket = ? AND key >= ? AND substr(key, 1, length(?)) = ?
         AND deleted = 1 AND expires > ? ORDER BY key, stamp DESC LIMIT 1001`,
        bucket,
        prefix,
        prefix,
        prefix,
        now,
      )
      .map(toObject);
  }

  /** The version that was written at this very stamp, current or replaced. */
  findVersion(bucket: number, key: string, stamp: number): ObjectRecord | undefined {
    const current = this.find(bucket, key);
    if (current?.stamp === stamp) return current;
    const row = this.#database.get(
      `SELECT ${COLUMNS} FROM history WHERE bucket = ? AND key = ? AND stamp = ?`,
      bucket,
      key,
      stamp,
    );
    return row === undefined ? undefined : toObject(row);
  }

  /**
   * All versions and delete markers of a bucket that keeps them, by key and newest first.
   *
   * @param after the version that ended the page before, or only its key: what follows is wanted
   */
  versions(
    bucket: number,
    prefix: string,
    after: { key: string; stamp: number | undefined },
    limit: number,
  ): VersionRow[] {
    const begins = 'bucket = ? AND substr(key, 1, length(?)) = ?';
    const scope = [bucket, prefix, prefix] as const;
    const rows = this.#database.all(
      `SELECT * FROM (
         SELECT key, stamp, size, etag, 0 AS marker, 1 AS latest FROM objects WHERE ${begins}
         UNION ALL
         SELECT key, stamp, size, etag, 0, 0 FROM history WHERE ${begins} AND expires IS NULL
         UNION ALL
         SELECT key, ended, 0, '', 1, NOT EXISTS (
           SELECT 1 FROM objects WHERE objects.bucket = history.bucket AND objects.key = history.key
         ) AND ended = (
           SELECT max(ended) FROM history AS other
           WHERE other.bucket = history.bucket AND other.key = history.key
         ) FROM history WHERE ${begins} AND deleted = 1 AND expires IS NULL
       ) WHERE key > ? OR (key = ? AND stamp < ?) ORDER BY key, stamp DESC LIMIT ?`,
      ...scope,
      ...scope,
      ...scope,
      after.key,
      after.key,
      after.stamp ?? 0,
      limit,
    );
    return rows.map((row) => ({
      key: textColumn(row, 'key'),
      stamp: integerColumn(row, 'stamp'),
      size: integerColumn(row, 'size'),
      etag: textColumn(row, 'etag'),
      marker: integerColumn(row, 'marker') === 1,
      latest: integerColumn(row, 'latest') === 1,
    }));
  }

  findDeleted(bucket: number, key: string, stamp: number, now: number): ObjectRecord | undefined {
    const row = this.#database.get(
      `SELECT ${COLUMNS} FROM history
       WHERE bucket = ? AND key = ? AND stamp = ? AND deleted = 1 AND expires > ?`,
      bucket,
      key,
      stamp,
      now,
    );
    return row === undefined ? undefined : toObject(row);
  }

  /** Inside a write: a soft-deleted version is current again, with the time of its restoration. */
  restore(bucket: Bucket, version: ObjectRecord, stamp: number): void {
    this.#forget(bucket.id, version);
    this.put(bucket, { ...version, stamp });
  }

  /** Inside a write: a soft-deleted version is gone for good. */
  purge(bucket: number, version: ObjectRecord): void {
    this.#forget(bucket, version);
    this.#bodies.release(version.segments);
  }

  #forget(bucket: number, version: ObjectRecord): void {
    this.#database.run(
      'DELETE FROM history WHERE bucket = ? AND key = ? AND stamp = ?',
      bucket,
      version.key,
      version.stamp,
    );
  }

  /** Inside a write: ends the versions whose retention is over, at most a thousand. */
  purgeExpired(now: number): void {
    const rows = this.#database.all(
      `SELECT bucket, ${COLUMNS} FROM history WHERE expires <= ? ORDER BY expires LIMIT 1000`,
      now,
    );
    for (const row of rows) this.purge(integerColumn(row, 'bucket'), toObject(row));
  }

  /** Number and bytes of the present objects; reads them all. */
  usage(bucket: number): { count: number; size: number } {
    const row = this.#database.get(
      'SELECT count(*) AS count, coalesce(sum(size), 0) AS size FROM objects WHERE bucket = ?',
      bucket,
    );
    return { count: Number(row?.['count'] ?? 0), size: Number(row?.['size'] ?? 0) };
  }

  isEmpty(bucket: number): boolean {
    return (
      this.#database.get('SELECT 1 FROM objects WHERE bucket = ? LIMIT 1', bucket) === undefined
    );
  }

  /** Inside a write: everything of a bucket, with its history. */
  removeAll(bucket: number): void {
    for (const table of ['objects', 'history']) {
      for (const row of this.#database.all(
        `SELECT segments FROM ${table} WHERE bucket = ?`,
        bucket,
      )) {
        this.#bodies.release(JSON.parse(textColumn(row, 'segments')) as Segment[]);
      }
      this.#database.run(`DELETE FROM ${table} WHERE bucket = ?`, bucket);
    }
  }
}

function values(
  object: ObjectRecord,
): [string, number, number, string, string, string | null, string] {
  return [
    object.key,
    object.stamp,
    object.size,
    object.etag,
    JSON.stringify(object.headers),
    object.checksum === undefined ? null : JSON.stringify(object.checksum),
    JSON.stringify(object.segments),
  ];
}
