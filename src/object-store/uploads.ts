import { randomBytes } from 'node:crypto';
import type { Bodies, Segment } from './bodies.ts';
import { isChecksumAlgorithm, type ChecksumAlgorithm } from './checksums.ts';
import { integerColumn, optionalText, textColumn, type Database, type Row } from './database.ts';
import type { StoredChecksum, StoredHeaders } from './objects.ts';

/** A multipart upload that is neither completed nor aborted. */
export interface Upload {
  readonly id: string;
  readonly bucket: number;
  readonly key: string;
  /** Stamp of its creation. */
  readonly started: number;
  readonly headers: StoredHeaders;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: StoredChecksum['type'] | undefined;
}

export interface Part {
  readonly number: number;
  readonly stamp: number;
  readonly size: number;
  /** MD5 in hexadecimal. */
  readonly etag: string;
  readonly checksum: StoredChecksum | undefined;
  readonly segments: readonly Segment[];
}

function toUpload(row: Row): Upload {
  const algorithm = optionalText(row, 'checksum_algorithm');
  const type = optionalText(row, 'checksum_type');
  return {
    id: textColumn(row, 'id'),
    bucket: integerColumn(row, 'bucket'),
    key: textColumn(row, 'key'),
    started: integerColumn(row, 'started'),
    headers: JSON.parse(textColumn(row, 'headers')) as StoredHeaders,
    checksumAlgorithm:
      algorithm !== undefined && isChecksumAlgorithm(algorithm) ? algorithm : undefined,
    checksumType: type === 'FULL_OBJECT' || type === 'COMPOSITE' ? type : undefined,
  };
}

function toPart(row: Row): Part {
  const checksum = optionalText(row, 'checksum');
  return {
    number: integerColumn(row, 'number'),
    stamp: integerColumn(row, 'stamp'),
    size: integerColumn(row, 'size'),
    etag: textColumn(row, 'etag'),
    checksum: checksum === undefined ? undefined : (JSON.parse(checksum) as StoredChecksum),
    segments: JSON.parse(textColumn(row, 'segments')) as Segment[],
  };
}

/** Multipart uploads under way, and what is remembered of completed ones. */
export class Uploads {
  readonly #database: Database;
  readonly #bodies: Bodies;
  constructor(database: Database, bodies: Bodies) {
    this.#database = database;
    this.#bodies = bodies;
  }

  create(upload: Omit<Upload, 'id'>): string {
    const id = randomBytes(16).toString('hex');
    this.#database.run(
      `INSERT INTO uploads (bucket, key, id, started, headers, checksum_algorithm, checksum_type)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      upload.bucket,
      upload.key,
      id,
      upload.started,
      JSON.stringify(upload.headers),
      upload.checksumAlgorithm ?? null,
      upload.checksumType ?? null,
    );
    return id;
  }

  find(bucket: number, key: string, id: string): Upload | undefined {
    const row = this.#database.get(
      'SELECT * FROM uploads WHERE bucket = ? AND key = ? AND id = ?',
      bucket,
      key,
      id,
    );
    return row === undefined ? undefined : toUpload(row);
  }

  /** Uploads of a bucket after (key, id), in order of key and then id. */
  list(
    bucket: number,
    prefix: string,
    after: { key: string; id: string },
    limit: number,
  ): Upload[] {
    return this.#database
      .all(
        `SELECT * FROM uploads WHERE bucket = ? AND key >= ? AND substr(key, 1, length(?)) = ?
         AND (key, id) > (?, ?) ORDER BY key, id LIMIT ?`,
        bucket,
        prefix,
        prefix,
        prefix,
        after.key,
        after.id,
        limit,
      )
      .map(toUpload);
  }

  /** Replaces a part of the same number. */
  putPart(upload: string, part: Part): void {
    this.#releaseParts(
      'SELECT segments FROM parts WHERE upload = ? AND number = ?',
      upload,
      part.number,
    );
    this.#database.run(
      `INSERT OR REPLACE INTO parts (upload, number, stamp, size, etag, checksum, segments)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      upload,
      part.number,
      part.stamp,
      part.size,
      part.etag,
      part.checksum === undefined ? null : JSON.stringify(part.checksum),
      JSON.stringify(part.segments),
    );
  }

  parts(upload: string, after: number, limit: number): Part[] {
    return this.#database
      .all(
        'SELECT * FROM parts WHERE upload = ? AND number > ? ORDER BY number LIMIT ?',
        upload,
        after,
        limit,
      )
      .map(toPart);
  }

  /** Ends an upload; the bodies of parts that did not become part of an object are released. */
  remove(upload: string, used: ReadonlySet<number> = new Set()): void {
    for (const part of this.parts(upload, 0, 10_000)) {
      if (!used.has(part.number)) this.#bodies.release(part.segments);
    }
    this.#database.run('DELETE FROM uploads WHERE id = ?', upload);
  }

  removeAll(bucket: number): void {
    for (const row of this.#database.all('SELECT id FROM uploads WHERE bucket = ?', bucket)) {
      this.remove(textColumn(row, 'id'));
    }
  }

  #releaseParts(sql: string, ...parameters: (string | number)[]): void {
    for (const row of this.#database.all(sql, ...parameters)) {
      this.#bodies.release(JSON.parse(textColumn(row, 'segments')) as Segment[]);
    }
  }

  /** A client that lost the reply completes again; it gets the same answer. */
  rememberCompleted(upload: Upload, etag: string, stamp: number): void {
    this.#database.run(
      'INSERT INTO completed (upload, bucket, key, etag, stamp) VALUES (?, ?, ?, ?, ?)',
      upload.id,
      upload.bucket,
      upload.key,
      etag,
      stamp,
    );
  }

  completed(bucket: number, key: string, id: string): { etag: string; stamp: number } | undefined {
    const row = this.#database.get(
      'SELECT etag, stamp FROM completed WHERE upload = ? AND bucket = ? AND key = ?',
      id,
      bucket,
      key,
    );
    if (row === undefined) return undefined;
    return { etag: textColumn(row, 'etag'), stamp: integerColumn(row, 'stamp') };
  }

  /** Forgets completions before `stamp`. */
  forgetCompleted(stamp: number): void {
    this.#database.run('DELETE FROM completed WHERE stamp < ?', stamp);
  }
}
