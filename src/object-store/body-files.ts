import { randomBytes } from 'node:crypto';
import { constants, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { copyFile, link, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, syncFolder } from '../platform/atomic-file.ts';

const READ_SIZE = 512 * 1024;

/**
 * The files that hold larger bodies. A file's name is random and never reused; it is part of an
 * object only when the index says so, so whatever a crash leaves behind is found by comparing both.
 */
export class BodyFiles {
  readonly #folder: string;
  readonly #isReferenced: (file: string) => boolean;
  readonly #checkDisk: () => void;
  /** How many downloads read a file now; it is unlinked only after the last of them. */
  readonly #readers = new Map<string, number>();
  #released: string[] = [];
  #unlinking: Promise<unknown> = Promise.resolve();

  /**
   * @param isReferenced whether the index knows a file
   * @param checkDisk called before a file is made; may throw
   */
  constructor(folder: string, isReferenced: (file: string) => boolean, checkDisk: () => void) {
    this.#folder = folder;
    this.#isReferenced = isReferenced;
    this.#checkDisk = checkDisk;
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

  #path(file: string): string {
    return join(this.#folder, file.slice(0, 1), file);
  }

  /** A new, empty file under a name of its own. */
  async create(): Promise<{ file: string; handle: FileHandle }> {
    this.#checkDisk();
    const file = randomBytes(16).toString('hex');
    return { file, handle: await open(this.#path(file), 'wx', 0o600) };
  }

  async syncFolderOf(file: string): Promise<void> {
    await syncFolder(join(this.#folder, file.slice(0, 1)));
  }

  async remove(file: string): Promise<void> {
    await rm(this.#path(file), { force: true });
  }

  /** Unlinks a file after the commit that is under way and after the last download of it. */
  unlinkLater(file: string): void {
    if (this.#released.push(file) === 1) setImmediate(() => this.#unlinkReleased());
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
    await this.remove(file).catch(() => undefined);
  }

  /** A second name for the same bytes, durable before it returns; a copy where links are not to be had. */
  async link(from: string): Promise<string> {
    const file = randomBytes(16).toString('hex');
    await linkOrCopy(this.#path(from), this.#path(file));
    await this.syncFolderOf(file);
    return file;
  }

  /** Keeps the files readable until the returned function is called. */
  hold(files: readonly string[]): () => void {
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

  read(file: string, from: number, to: number): AsyncGenerator<Uint8Array> {
    return readRange(this.#path(file), from, to);
  }

  /** Unlinks what was released, and resolves when that is done. */
  async settled(): Promise<void> {
    this.#unlinkReleased();
    await this.#unlinking;
  }
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

async function* readRange(path: string, from: number, to: number): AsyncGenerator<Uint8Array> {
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
