import { createHash, hash, randomBytes } from 'node:crypto';
import { constants, readdirSync, mkdirSync, rmSync } from 'node:fs';
import { copyFile, link, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, syncFolder } from '../platform/atomic-file.ts';
import { checksumHasher, type ChecksumAlgorithm } from './checksums.ts';
import type { Database } from './database.ts';
import { SpillingWriter } from './spilling-writer.ts';

const READ_SIZE = 512 * 1024;

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
 * The bytes of objects. A file's name is random and never reused; it is part of an object only
 * when the `files` table says so, so whatever a crash leaves behind is found by comparing both.
 */
export class Bodies {
  readonly #folder: string;
  readonly #database: Database;
  readonly #checkDisk: () => void;
  /** How many downloads read a file now; it is unlinked only after the last of them. */
  readonly #readers = new Map<string, number>();
  #released: string[] = [];
  #unlinking: Promise<unknown> = Promise.resolve();

  /** @param checkDisk called before a file is made and before it is flushed; may throw */
  constructor(folder: string, database: Database, checkDisk: () => void = () => undefined) {
    this.#checkDisk = checkDisk;
    this.#folder = folder;
    this.#database = database;
    // Sixteen, so that a start stays quick and no one folder takes all the fsyncs.
    for (let digit = 0; digit < 16; digit += 1) {
      mkdirSync(join(folder, digit.toString(16)), { recursive: true, mode: 0o700 });
    }
  }

  /** Removes what no object refers to: uploads that a crash cut off. Returns how many. */
  recover(): number {
    let removed = 0;
    for (const prefix of readdirSync(this.#folder)) {
      for (const file of readdirSync(join(this.#folder, prefix))) {
        if (this.#isReferenced(file)) continue;
        rmSync(this.#path(file), { force: true });
        removed += 1;
      }
    }
    return removed;
  }

  #isReferenced(file: string): boolean {
    return this.#database.get('SELECT 1 FROM files WHERE id = ?', file) !== undefined;
  }

  #path(file: string): string {
    return join(this.#folder, file.slice(0, 1), file);
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
    const writer = new SpillingWriter(() => this.#create());
    try {
      for await (const chunk of source) {
        md5.update(chunk);
        sha256?.update(chunk);
        for (const { hasher } of hashers) hasher.update(chunk);
        await writer.write(chunk);
      }
      const content = await writer.finish();
      if ('file' in content) await syncFolder(join(this.#folder, content.file.slice(0, 1)));
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

  async #create(): Promise<{ file: string; handle: FileHandle }> {
    this.#checkDisk();
    const file = randomBytes(16).toString('hex');
    return { file, handle: await open(this.#path(file), 'wx', 0o600) };
  }

  async #abandon(writer: SpillingWriter): Promise<void> {
    const file = await writer.abort();
    if (file !== undefined) await this.#remove(file);
  }

  async #remove(file: string): Promise<void> {
    await rm(this.#path(file), { force: true });
  }

  /** Throws a received body away that no object came to refer to. */
  async discard(body: Pick<ReceivedBody, 'content'>): Promise<void> {
    if ('file' in body.content) await this.#remove(body.content.file);
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
        if (this.#released.push(segment.file) === 1) setImmediate(() => this.#unlinkReleased());
      }
    }
  }

  #unlinkReleased(): void {
    const files = this.#released;
    this.#released = [];
    const unlink = async (): Promise<void> => {
      for (const file of files) await this.#unlinkIfUnused(file);
    };
    this.#unlinking = this.#unlinking.then(unlink, unlink);
  }

  async #unlinkIfUnused(file: string): Promise<void> {
    // A failure leaves an unreferenced file, which the next start removes.
    if (this.#readers.has(file) || this.#isReferenced(file)) return;
    await this.#remove(file).catch(() => undefined);
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
    const release = this.hold(segments);
    const copies: DuplicatedBody['copies'] = [];
    try {
      for (const piece of pieces) {
        copies.push('file' in piece ? { ...piece, file: await this.#linkFile(piece.file) } : piece);
      }
      return { copies };
    } catch (error) {
      await this.discardDuplicate({ copies });
      throw error;
    } finally {
      release();
    }
  }

  async #linkFile(from: string): Promise<string> {
    const file = randomBytes(16).toString('hex');
    await linkOrCopy(this.#path(from), this.#path(file));
    await syncFolder(join(this.#folder, file.slice(0, 1)));
    return file;
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
    for (const piece of duplicate.copies) if ('file' in piece) await this.#remove(piece.file);
  }

  /** Keeps the files of `segments` readable until the returned function is called. */
  hold(segments: readonly Segment[]): () => void {
    const files = segments.flatMap((segment) => ('file' in segment ? [segment.file] : []));
    for (const file of files) this.#readers.set(file, (this.#readers.get(file) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      for (const file of files) {
        const left = (this.#readers.get(file) ?? 1) - 1;
        if (left > 0) this.#readers.set(file, left);
        else {
          this.#readers.delete(file);
          if (!this.#isReferenced(file)) void this.#unlinkIfUnused(file);
        }
      }
    };
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
    const release = this.hold(segments);
    return this.#readAll(wanted, release);
  }

  async *#readAll(
    wanted: { source: Uint8Array | string; from: number; to: number }[],
    release: () => void,
  ): AsyncGenerator<Uint8Array> {
    try {
      for (const { source, from, to } of wanted) {
        if (typeof source === 'string') yield* readFileRange(this.#path(source), from, to);
        else yield source.subarray(from, to);
      }
    } finally {
      release();
    }
  }

  /** Unlinks what was released, and resolves when that is done. */
  async settled(): Promise<void> {
    this.#unlinkReleased();
    await this.#unlinking;
  }
}

/** Copies of segments that no object refers to yet. */
export interface DuplicatedBody {
  readonly copies: ({ file: string; size: number } | { data: Uint8Array; size: number })[];
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS')) throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
    const handle = await open(to, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

async function* readFileRange(path: string, from: number, to: number): AsyncGenerator<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    let position = from;
    while (position < to) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_SIZE, to - position));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) throw new Error('a body file is shorter than the index says');
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
