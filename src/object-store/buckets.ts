import {
  integerColumn,
  optionalInteger,
  optionalText,
  textColumn,
  type Database,
  type Row,
} from './database.ts';
import { S3Error } from './errors.ts';

export interface Bucket {
  readonly id: number;
  readonly name: string;
  /** Stamp of its creation. */
  readonly created: number;
  /** As in `X-Tigris-Regions`; `global` when none was given. */
  readonly regions: string;
  /** Whether every version is kept, so that the bucket can be read as it was at any time. */
  readonly snapshots: boolean;
  /** Days that a deleted object can be restored; undefined when soft delete is off. */
  readonly softDeleteDays: number | undefined;
  /** Webhook configuration as JSON, as it was set. */
  readonly notifications: string | undefined;
}

function toBucket(row: Row): Bucket {
  return {
    id: integerColumn(row, 'id'),
    name: textColumn(row, 'name'),
    created: integerColumn(row, 'created'),
    regions: textColumn(row, 'regions'),
    snapshots: integerColumn(row, 'snapshots') === 1,
    softDeleteDays: optionalInteger(row, 'soft_delete_days'),
    notifications: optionalText(row, 'notifications'),
  };
}

export class Buckets {
  readonly #database: Database;
  /** Every request asks for its bucket, some of them three times. */
  readonly #known = new Map<string, Bucket>();
  constructor(database: Database) {
    this.#database = database;
  }

  find(name: string): Bucket | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const row = this.#database.get('SELECT * FROM buckets WHERE name = ?', name);
    if (row === undefined) return undefined;
    const bucket = toBucket(row);
    // What a write reads of its own changes may be undone, so only others' reads are kept.
    if (!this.#database.writing) this.#known.set(name, bucket);
    return bucket;
  }

  /** @throws S3Error NoSuchBucket */
  require(name: string): Bucket {
    const bucket = this.find(name);
    if (bucket === undefined) {
      throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', {
        BucketName: name,
      });
    }
    return bucket;
  }

  /** Buckets after `after` in order of their names, at most `limit`. */
  list(prefix: string, after: string, limit: number): Bucket[] {
    return this.#database
      .all(
        'SELECT * FROM buckets WHERE name > ? AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?',
        after,
        prefix.length,
        prefix,
        limit,
      )
      .map(toBucket);
  }

  insert(bucket: Omit<Bucket, 'id'>): void {
    this.#database.run(
      'INSERT INTO buckets (name, created, regions, snapshots, soft_delete_days, notifications)' +
        ' VALUES (?, ?, ?, ?, ?, ?)',
      bucket.name,
      bucket.created,
      bucket.regions,
      bucket.snapshots ? 1 : 0,
      bucket.softDeleteDays ?? null,
      bucket.notifications ?? null,
    );
  }

  setNotifications(id: number, notifications: string | undefined): void {
    this.#known.clear();
    this.#database.run(
      'UPDATE buckets SET notifications = ? WHERE id = ?',
      notifications ?? null,
      id,
    );
  }

  setSoftDelete(id: number, days: number | undefined): void {
    this.#known.clear();
    this.#database.run('UPDATE buckets SET soft_delete_days = ? WHERE id = ?', days ?? null, id);
  }

  setRegions(id: number, regions: string): void {
    this.#known.clear();
    this.#database.run('UPDATE buckets SET regions = ? WHERE id = ?', regions, id);
  }

  insertSnapshot(id: number, stamp: number, label: string | undefined): void {
    this.#database.run(
      'INSERT INTO snapshots (bucket, stamp, name) VALUES (?, ?, ?)',
      id,
      stamp,
      label ?? null,
    );
  }

  snapshots(id: number): { stamp: number; label: string | undefined }[] {
    return this.#database
      .all('SELECT stamp, name FROM snapshots WHERE bucket = ? ORDER BY stamp', id)
      .map((row) => ({ stamp: integerColumn(row, 'stamp'), label: optionalText(row, 'name') }));
  }

  remove(id: number): void {
    this.#known.clear();
    this.#database.run('DELETE FROM snapshots WHERE bucket = ?', id);
    this.#database.run('DELETE FROM buckets WHERE id = ?', id);
  }
}

/**
 * S3's rules for names, without dots as Tigris has it.
 * @throws S3Error InvalidBucketName
 */
export function checkBucketName(name: string): void {
  if (/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) return;
  throw new S3Error(
    'InvalidBucketName',
    'The specified bucket is not valid: 3 to 63 lower-case letters, digits and hyphens, no dots.',
    { BucketName: name },
  );
}
