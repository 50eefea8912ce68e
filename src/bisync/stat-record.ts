import { createHash } from 'node:crypto';
import { lstatSync, type BigIntStats } from 'node:fs';
import { lstat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno, readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Fingerprint } from './local-file.ts';
import { MARKER } from './marker.ts';

/**
 * What the file system says about a file as long as nobody touches it: inode, size, modification
 * and change time. Nobody can set the change time, so a file whose time was set back after an edit
 * has another stamp.
 */
export type Stamp = string;

/** Contents that were read, by path and stamp, so that they need not be read again. */
export interface StatRecord {
  /** When rclone last listed both sides and read every file, milliseconds since the epoch. */
  comparedAt: number;
  files: Map<string, { stamp: Stamp; md5: string }>;
}

const FORMAT = 'cloud stat record 1';
const FILE = 'stat-record';

/** Undefined when there is none, or a damaged one: then every file is read. */
export async function readStatRecord(pairFolder: string): Promise<StatRecord | undefined> {
  const text = await readTextIfExists(join(pairFolder, FILE));
  if (text === undefined) return undefined;
  const [format, digest, body = ''] = text.split('\n');
  if (format !== FORMAT || digest !== digestOf(body)) return undefined;
  // The checksum says that this is what we wrote; a schema for each of many files is dear.
  const stored = JSON.parse(body) as [number, [string, Stamp, string][]];
  const [comparedAt, files] = stored;
  return { comparedAt, files: new Map(files.map(([path, stamp, md5]) => [path, { stamp, md5 }])) };
}

export async function writeStatRecord(pairFolder: string, record: StatRecord): Promise<void> {
  const files = [...record.files].map(([path, { stamp, md5 }]) => [path, stamp, md5]);
  const body = JSON.stringify([record.comparedAt, files]);
  await writeFileAtomic(join(pairFolder, FILE), `${FORMAT}\n${digestOf(body)}\n${body}\n`);
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

/** A regular file as it is now; undefined when there is none. */
export interface StampedFile {
  stamp: Stamp;
  /** Bytes. */
  size: number;
  device: bigint;
  /** Change time, nanoseconds since the epoch. */
  changed: bigint;
}

export function stampFrom(
  file: Pick<Fingerprint, 'inode' | 'size' | 'modified' | 'changed'>,
): Stamp {
  return `${file.inode} ${file.size} ${file.modified} ${file.changed}`;
}

/**
 * Synchronous, because that takes 2 µs and the way through the thread pool takes 12. Undefined when
 * there is no regular file.
 */
export function stampOf(path: string): StampedFile | undefined {
  let entry: BigIntStats | undefined;
  try {
    entry = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isErrno(error, 'ENOTDIR', 'EACCES', 'EPERM', 'EIO')) return undefined;
    throw error;
  }
  if (entry?.isFile() !== true) return undefined;
  const { dev: device, ino: inode, size, mtimeNs: modified, ctimeNs: changed } = entry;
  const stamp = stampFrom({ inode, size, modified, changed });
  return { stamp, size: Number(size), device, changed };
}

/**
 * How much older than the moment of reading a file must be to be known by its stamp. A file that
 * changed in the same tick of the file system's clock (2 s on some) may have changed again since
 * with the same stamp (the "racy" entries of git's index); and what a program writes through a
 * memory map shows in the times only when the kernel has written the page before (30 s).
 */
export const SETTLED_MS = 60_000;

/** The clock of a file system at one moment. */
export interface FileSystemTime {
  device: bigint;
  /** Nanoseconds since the epoch. */
  now: bigint;
}

/**
 * The time by which the file system of the folder stamps its changes: not this machine's clock on a
 * network. The folder marker is touched for it.
 *
 * @returns undefined where no change time is kept, or the marker cannot be touched: then no stamp
 * means anything
 */
export async function fileSystemTime(root: string): Promise<FileSystemTime | undefined> {
  const marker = join(root, MARKER);
  try {
    const { dev, ctimeNs, atimeMs, mtimeMs } = await lstat(marker, { bigint: true });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await utimes(marker, Number(atimeMs) / 1000, Number(mtimeMs) / 1000);
      const { ctimeNs: now } = await lstat(marker, { bigint: true });
      if (now > ctimeNs) return { device: dev, now };
      // It was made in this very tick.
      await delay(10);
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'EROFS', 'EIO')) throw error;
  }
  return undefined;
}

/** Whether a file that was read at `since` or later is known by its stamp from now on. */
export function isSettled(
  { device, changed }: Pick<StampedFile, 'device' | 'changed'>,
  since: FileSystemTime,
  settledMs: number,
): boolean {
  return device === since.device && changed < since.now - BigInt(settledMs) * 1_000_000n;
}
