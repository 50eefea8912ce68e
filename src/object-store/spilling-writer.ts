import type { FileHandle } from 'node:fs/promises';

/** Bodies up to this many bytes are kept in the index and share its fsync. */
export const INLINE_LIMIT = 64 * 1024;
const WRITE_SIZE = 1024 * 1024;

/** Keeps a body in memory until it outgrows the index, then moves it to a file. */
export class SpillingWriter {
  size = 0;
  readonly #create: () => Promise<{ file: string; handle: FileHandle }>;
  #pending: Uint8Array[] = [];
  #pendingSize = 0;
  #target: { file: string; handle: FileHandle } | undefined;

  constructor(create: () => Promise<{ file: string; handle: FileHandle }>) {
    this.#create = create;
  }

  /** Resolves at once unless bytes have to be written, so a caller may skip a turn. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#pending.push(chunk);
    this.#pendingSize += chunk.length;
    this.size += chunk.length;
    const limit = this.#target === undefined ? INLINE_LIMIT : WRITE_SIZE;
    if (this.#pendingSize > limit) await this.#flush();
  }

  async #flush(): Promise<void> {
    this.#target ??= await this.#create();
    const pieces = this.#pending;
    this.#pending = [];
    this.#pendingSize = 0;
    if (pieces.length > 0) await writeAll(this.#target.handle, pieces);
  }

  async finish(): Promise<Uint8Array | { file: string }> {
    if (this.#target === undefined) return Buffer.concat(this.#pending);
    await this.#flush();
    await this.#target.handle.sync();
    await this.#target.handle.close();
    return { file: this.#target.file };
  }

  /** Closes the file, if there is one, and names it. */
  async abort(): Promise<string | undefined> {
    await this.#target?.handle.close().catch(() => undefined);
    return this.#target?.file;
  }
}

async function writeAll(handle: FileHandle, pieces: Uint8Array[]): Promise<void> {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { bytesWritten } = await handle.writev(pieces);
  if (bytesWritten === total) return;
  // A short write comes just before the disk is full; the rest names the error.
  const rest = Buffer.concat(pieces).subarray(bytesWritten);
  await handle.writeFile(rest);
}
