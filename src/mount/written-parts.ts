import { execFile } from 'node:child_process';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { joinRanges, withoutRanges, type ByteRange } from './cache-note.ts';

/** File systems keep at least so many bytes together. */
const BLOCK = 4096;
const CHUNK = 256 * BLOCK;

/**
 * The blocks of a cached file that hold data; what was neither fetched nor written is a hole. From
 * the file system's own list where it gives one (Linux, e2fsprogs' filefrag); else every block
 * that holds something but zeros.
 */
export async function dataBlocks(path: string): Promise<ByteRange[]> {
  return (await listedExtents(path)) ?? (await blocksWithContent(path));
}

function listedExtents(path: string): Promise<ByteRange[] | undefined> {
  return new Promise((resolve) => {
    const limits = { timeout: 30_000, maxBuffer: 256 * 1024 * 1024 };
    execFile('filefrag', ['-s', '-e', '-v', path], limits, (error, stdout) =>
      resolve(error === null ? parseExtents(stdout) : undefined),
    );
  });
}

/** filefrag(8): `ext: logical_offset: physical_offset: length: expected: flags`, in blocks. */
export function parseExtents(text: string): ByteRange[] | undefined {
  const block = Number(/ blocks? of (\d+) bytes\)/.exec(text)?.[1]);
  if (!(block > 0)) return undefined;
  return text.split('\n').flatMap((line) => {
    const [, first, last, flags = ''] =
      /^\s*\d+:\s*(\d+)\.\.\s*(\d+):\s*\d+\.\.\s*\d+:\s*\d+:(.*)$/.exec(line) ?? [];
    // Reserved and never written: reads as zeros that nobody wrote.
    if (first === undefined || last === undefined || flags.includes('unwritten')) return [];
    return [{ Pos: Number(first) * block, Size: (Number(last) - Number(first) + 1) * block }];
  });
}

async function blocksWithContent(path: string): Promise<ByteRange[]> {
  const file = await open(path, 'r');
  try {
    const found: ByteRange[] = [];
    for (let at = 0; ; at += CHUNK) {
      const chunk = await readAt(file, at, CHUNK);
      for (let from = 0; from < chunk.length; from += BLOCK) {
        const block = chunk.subarray(from, from + BLOCK);
        if (block.some((byte) => byte !== 0)) found.push({ Pos: at + from, Size: BLOCK });
      }
      if (chunk.length < CHUNK) return joinRanges(found);
    }
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Gives out a stream in pieces of the size that is asked for; shorter only at its end. */
function pieces(stream: Readable | undefined): (length: number) => Promise<Buffer> {
  const source = stream?.[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return async (length) => {
    const parts = [rest];
    let have = rest.length;
    while (source !== undefined && have < length) {
      const next = await source.next();
      if (next.done === true) break;
      parts.push(next.value as Buffer);
      have += (next.value as Buffer).length;
    }
    const all = Buffer.concat(parts);
    rest = all.subarray(length);
    return all.subarray(0, length);
  };
}

export interface CompleteFile {
  data: string;
  /** What surely is the file's content: rclone's note says so, or it lies beyond the noted end. */
  sure: readonly ByteRange[];
  blocks: readonly ByteRange[];
  /** The bucket's object, which what is not here comes from. */
  object: Readable | undefined;
}

/**
 * Makes a whole file of a cached one of which parts are here, and of its object. A block that was
 * written to without rclone noting it is taken byte by byte: anything but a zero was written here,
 * whereas a zero was either written too, or is what the file system put around a smaller write. So
 * there are two readings: `filled` takes the object's byte for such a zero, `written` keeps it.
 *
 * @returns whether they differ
 */
export async function completeFile(
  { data, sure, blocks, object }: CompleteFile,
  into: { filled: string; written: string },
): Promise<boolean> {
  const unsure = withoutRanges(blocks, sure);
  const next = pieces(object);
  const [source, filled, written] = await Promise.all([
    open(data, 'r'),
    open(into.filled, 'wx', 0o600),
    open(into.written, 'wx', 0o600),
  ]);
  try {
    let differ = false;
    for (let at = 0; ; at += CHUNK) {
      const here = await readAt(source, at, CHUNK);
      const there = Buffer.alloc(here.length);
      (await next(here.length)).copy(there);
      const asWritten = Buffer.from(there);
      copyRanges(here, asWritten, at, [...sure, ...unsure]);
      const asFilled = Buffer.from(asWritten);
      for (const [from, to] of within(unsure, at, here.length)) {
        for (let index = from; index < to; index += 1) {
          if (here[index] !== 0 || there[index] === 0) continue;
          asFilled[index] = there[index] ?? 0;
          differ = true;
        }
      }
      await filled.write(asFilled, 0, asFilled.length, at);
      await written.write(asWritten, 0, asWritten.length, at);
      if (here.length < CHUNK) break;
    }
    await Promise.all([filled.sync(), written.sync()]);
    return differ;
  } finally {
    object?.destroy();
    await Promise.all([source.close(), filled.close(), written.close()]);
  }
}

function copyRanges(from: Buffer, to: Buffer, at: number, ranges: readonly ByteRange[]): void {
  for (const [start, end] of within(ranges, at, from.length)) from.copy(to, start, start, end);
}

/** The parts of ranges inside a piece that begins at `at`, counted from there. */
function within(ranges: readonly ByteRange[], at: number, length: number): [number, number][] {
  return ranges.flatMap(({ Pos, Size }): [number, number][] => {
    const start = Math.max(0, Pos - at);
    const end = Math.min(length, Pos + Size - at);
    return start < end ? [[start, end]] : [];
  });
}

/**
 * SQLite writes whole pages, so the zeros in them are its own:
 * https://www.sqlite.org/fileformat.html#page_size
 */
export async function isWrittenInPages(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const header = await readAt(file, 0, 18);
    if (header.length < 18 || header.toString('latin1', 0, 16) !== 'SQLite format 3\0')
      return false;
    const pageSize = header.readUInt16BE(16);
    return pageSize === 1 || pageSize >= BLOCK;
  } finally {
    await file.close();
  }
}
