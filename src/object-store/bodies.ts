import { createHash, hash } from 'node:crypto';
import type { BodyFiles } from './body-files.ts';
import { checksumHasher, type ChecksumAlgorithm } from './checksums.ts';
import type { Database } from './database.ts';
import { SpillingWriter } from './spilling-writer.ts';

/** A stretch of bytes: a row of `blobs` or a file. An object is one or several of them. */
export type Segment = { blob: number; size: number } | { file: string; size: number };

/** A body that has arrived whole and, if it is a file, is on disk; not yet part of an object. */
export interface ReceivedBody {
  readonly size: number;
  /** MD5 in hexadecimal: S3's ETag of an object uploaded in one piece. */
  readonly md5: string;
  readonly sha256: string | undefined;
  /** Base64 by algorithm, for those that were asked for. */
  readonly checksums: ReadonlyMap<ChecksumAlgorithm, string>;
  readonly content: Uint8Array | { file: string };
}

export interface ReceiveOptions {
  /** Whether the SHA-256 of the body is wanted too, because the client signed it. */
  sha256: boolean;
  checksums: readonly ChecksumAlgorithm[];
}

/**
 * The bytes of objects: small ones are rows of the index, larger ones files that the index knows.
 */
export class Bodies {
  readonly #database: Database;
  readonly #files: BodyFiles;

  constructor(database: Database, files: BodyFiles) {
    this.#database = database;
    this.#files = files;
  }

  /** A small body that is in memory already. */
  receiveWhole(content: Uint8Array, options: ReceiveOptions): ReceivedBody {
    const checksums = options.checksums.map((name) => {
      const hasher = checksumHasher(name);
      hasher.update(content);
      return [name, hasher.digest()] as const;
    });
    return {
      size: content.length,
      md5: hash('md5', content),
      sha256: options.sha256 ? hash('sha256', content) : undefined,
      checksums: new Map(checksums),
      content,
    };
  }

  /**
   * Reads `source` to its end, hashing on the way. Small bodies stay in memory; a larger one is
   * written to a new file and fsynced together with its folder, so that a later commit of the
   * index can refer to it.
   */
  async receive(source: AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<ReceivedBody> {
    const md5 = createHash('md5');
    const sha256 = options.sha256 ? createHash('sha256') : undefined;
    const hashers = options.checksums.map((name) => ({ name, hasher: checksumHasher(name) }));
    const writer = new SpillingWriter(() => this.#files.create());
    try {
      for await (const chunk of source) {
        md5.update(chunk);
        sha256?.update(chunk);
        for (const { hasher } of hashers) hasher.update(chunk);
        await writer.write(chunk);
      }
      const content = await writer.finish();
      if ('file' in content) await this.#files.syncFolderOf(content.file);
      return {
        size: writer.size,
        md5: md5.digest('hex'),
        sha256: sha256?.digest('hex'),
        checksums: new Map(hashers.map(({ name, hasher }) => [name, hasher.digest()])),
        content,
      };
    } catch (error) {
      await this.#abandon(writer);
      throw error;
    }
  }

  async #abandon(writer: SpillingWriter): Promise<void> {
    const file = await writer.abort();
    if (file !== undefined) await this.#files.remove(file);
  }

  /** Throws a received body away that no object came to refer to. */
  async discard(body: Pick<ReceivedBody, 'content'>): Promise<void> {
    if ('file' in body.content) await this.#files.remove(body.content.file);
  }

  /** Inside a write: makes a received body part of the index. An empty body has no segment. */
  adopt(body: Pick<ReceivedBody, 'content' | 'size'>): Segment[] {
    if ('file' in body.content) {
      this.#database.run('INSERT INTO files (id) VALUES (?)', body.content.file);
      return [{ file: body.content.file, size: body.size }];
    }
    if (body.size === 0) return [];
    const { lastInsertRowid } = this.#database.run(
      'INSERT INTO blobs (data) VALUES (?)',
      body.content,
    );
    return [{ blob: lastInsertRowid, size: body.size }];
  }

  /**
   * Inside a write: the index no longer refers to these segments. Files are unlinked after the
   * commit and after the last download of them; if the commit fails they stay.
   */
  release(segments: readonly Segment[]): void {
    for (const segment of segments) {
      if ('blob' in segment) this.#database.run('DELETE FROM blobs WHERE id = ?', segment.blob);
      else {
        this.#database.run('DELETE FROM files WHERE id = ?', segment.file);
        this.#files.unlinkLater(segment.file);
      }
    }
  }

  /**
   * A second, independent body with the same bytes: a hard link where the file system has them.
   * Durable before it returns; adopt or discard it.
   */
  async duplicate(segments: readonly Segment[]): Promise<DuplicatedBody> {
    // Blobs are read before the first await: their rows may be gone after it.
    const pieces = segments.map((segment) =>
      'file' in segment ? segment : { data: this.#blob(segment.blob), size: segment.size },
    );
    const release = this.#files.hold(filesOf(segments));
    const copies: DuplicatedBody['copies'] = [];
    try {
      for (const piece of pieces) {
        copies.push(
          'file' in piece ? { ...piece, file: await this.#files.link(piece.file) } : piece,
        );
      }
      return { copies };
    } catch (error) {
      await this.discardDuplicate({ copies });
      throw error;
    } finally {
      release();
    }
  }

  /** Inside a write: makes a duplicate part of the index. */
  adoptDuplicate(duplicate: DuplicatedBody): Segment[] {
    return duplicate.copies.flatMap((piece) =>
      this.adopt({
        content: 'file' in piece ? { file: piece.file } : piece.data,
        size: piece.size,
      }),
    );
  }

  async discardDuplicate(duplicate: DuplicatedBody): Promise<void> {
    for (const piece of duplicate.copies) if ('file' in piece) await this.#files.remove(piece.file);
  }

  /** All bytes at once, or undefined if some of them are in files. */
  readInline(segments: readonly Segment[]): Uint8Array | undefined {
    if (segments.length === 0) return new Uint8Array(0);
    const [segment] = segments;
    if (segments.length !== 1 || segment === undefined || 'file' in segment) return undefined;
    return this.#blob(segment.blob);
  }

  #blob(id: number): Uint8Array {
    const data = this.#database.get('SELECT data FROM blobs WHERE id = ?', id)?.['data'];
    if (!(data instanceof Uint8Array)) throw new Error('a body is missing from the index');
    return data;
  }

  /**
   * Bytes `start` to `end` (exclusive). The files are held from this call until the iteration
   * ends, so an overwrite or a delete meanwhile does not cut a download short.
   */
  read(segments: readonly Segment[], start: number, end: number): AsyncIterable<Uint8Array> {
    const wanted: { source: Uint8Array | string; from: number; to: number }[] = [];
    let offset = 0;
    for (const segment of segments) {
      const from = Math.max(0, start - offset);
      const to = Math.min(segment.size, end - offset);
      // Blobs are read now: their rows may be gone when the iteration reaches them.
      if (from < to) {
        const source = 'file' in segment ? segment.file : this.#blob(segment.blob);
        wanted.push({ source, from, to });
      }
      offset += segment.size;
    }
    const release = this.#files.hold(filesOf(segments));
    return this.#readAll(wanted, release);
  }

  async *#readAll(
    wanted: { source: Uint8Array | string; from: number; to: number }[],
    release: () => void,
  ): AsyncGenerator<Uint8Array> {
    try {
      for (const { source, from, to } of wanted) {
        if (typeof source === 'string') yield* this.#files.read(source, from, to);
        else yield source.subarray(from, to);
      }
    } finally {
      release();
    }
  }
}

/** Copies of segments that no object refers to yet. */
export interface DuplicatedBody {
  readonly copies: ({ file: string; size: number } | { data: Uint8Array; size: number })[];
}

function filesOf(segments: readonly Segment[]): string[] {
  return segments.flatMap((segment) => ('file' in segment ? [segment.file] : []));
}
