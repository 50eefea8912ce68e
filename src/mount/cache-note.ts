import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { isErrno, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Clock } from '../platform/clock.ts';
import { REMOTE } from './vfs.ts';

/** Bytes of a file, as rclone writes them. */
export interface ByteRange {
  Pos: number;
  Size: number;
}

/** rclone's note about a cached file (vfscache/item.go): which ranges of it are on this disk. */
const Note = z.looseObject({
  Size: z.number(),
  Rs: z.nullable(z.array(z.object({ Pos: z.number(), Size: z.number() }))),
  /** Size, time and MD5 of the object that the file comes from; empty for a new file. */
  Fingerprint: z.string(),
  Dirty: z.boolean(),
});
export type CacheNote = z.infer<typeof Note>;

/** Where a file of the bucket lies in the cache, and the note about it. */
export interface CachePlaces {
  data: string;
  note: string;
}

export function placesOf(cache: string, bucket: string, name: string): CachePlaces {
  return {
    data: join(cache, 'vfs', REMOTE, bucket, name),
    note: join(cache, 'vfsMeta', REMOTE, bucket, name),
  };
}

/** Undefined when there is none, or half of one. */
export async function readNote(path: string): Promise<CacheNote | undefined> {
  try {
    const read = Note.safeParse(JSON.parse(await readFile(path, 'utf8')));
    return read.success ? read.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export async function writeNote(path: string, note: CacheNote): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, JSON.stringify(note));
}

/** Notes that all of the file is here and none of it in the bucket. */
export async function noteAsPending(
  { data, note }: CachePlaces,
  clock: Clock,
  known?: CacheNote,
): Promise<void> {
  const { size, mtime } = await stat(data);
  await writeNote(note, {
    ModTime: mtime.toISOString(),
    ATime: new Date(clock.now()).toISOString(),
    Fingerprint: '',
    ...known,
    Size: size,
    Rs: size === 0 ? [] : [{ Pos: 0, Size: size }],
    Dirty: true,
  });
}

/** The MD5 of the object that a note speaks of: the last part of its fingerprint. */
export function md5InNote({ Fingerprint }: CacheNote): string | undefined {
  return /(?:^|,)([0-9a-f]{32})$/.exec(Fingerprint)?.[1];
}

/** Whether this very version was uploaded from, or fetched into, the cache. */
export async function isInCache(
  cache: string,
  bucket: string,
  name: string,
  etag: string,
): Promise<boolean> {
  const note = await readNote(placesOf(cache, bucket, name).note).catch(() => undefined);
  return note?.Dirty === false && md5InNote(note) === etag;
}

/** Ranges in order, those that touch as one, and cut off at `size`. */
export function joinRanges(ranges: readonly ByteRange[], size = Infinity): ByteRange[] {
  const joined: ByteRange[] = [];
  for (const { Pos, Size } of [...ranges].sort((a, b) => a.Pos - b.Pos)) {
    const end = Math.min(Pos + Size, size);
    const last = joined.at(-1);
    if (end <= Pos) continue;
    if (last !== undefined && Pos <= last.Pos + last.Size) {
      last.Size = Math.max(last.Size, end - last.Pos);
    } else joined.push({ Pos, Size: end - Pos });
  }
  return joined;
}

/** What of `ranges` is not in `others`. */
export function withoutRanges(
  ranges: readonly ByteRange[],
  others: readonly ByteRange[],
): ByteRange[] {
  const left: ByteRange[] = [];
  for (const range of joinRanges(ranges)) {
    let from = range.Pos;
    const end = range.Pos + range.Size;
    for (const other of joinRanges(others)) {
      if (other.Pos > from) left.push({ Pos: from, Size: Math.min(other.Pos, end) - from });
      from = Math.max(from, other.Pos + other.Size);
      if (from >= end) break;
    }
    left.push({ Pos: from, Size: end - from });
  }
  return left.filter(({ Size }) => Size > 0);
}
