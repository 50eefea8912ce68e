import { createHash, randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, link, lstat, open, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { isErrno, replaceFile } from '../platform/atomic-file.ts';
import type { PutObject } from '../s3/client.ts';
import { OWN_PREFIX } from './filters/own-files.ts';
import { PathProblem } from './problems.ts';

/** What tells one version of a file from another without reading it. Times in nanoseconds. */
export interface Fingerprint {
  device: bigint;
  inode: bigint;
  size: bigint;
  modified: bigint;
  /** Also changes with a rename. */
  changed: bigint;
}

export interface LocalVersion {
  size: number;
  md5: string;
  modifiedMs: number;
  mode: number;
  fingerprint: Fingerprint;
}

/** A private copy of exactly one version: later writes to the file do not reach it. */
export interface StableCopy extends LocalVersion {
  body: PutObject['body'];
  dispose(): Promise<void>;
}

/** Up to here a copy is kept in memory; 32 of them at once must fit. */
const IN_MEMORY = 2 * 1024 * 1024;
/** A file that is being written is looked at again after these many milliseconds. */
const SETTLE_MS = [20, 100, 400];

type Wait = (ms: number) => Promise<void>;

/** The file's identity and state now; undefined when there is none. @throws PathProblem `blocked` */
export async function fingerprintOf(
  path: string,
): Promise<(Fingerprint & { mode: number }) | undefined> {
  try {
    const entry = await lstat(path, { bigint: true });
    if (!entry.isFile()) throw new PathProblem('blocked', `${path} is not a regular file`);
    return {
      device: entry.dev,
      inode: entry.ino,
      size: entry.size,
      modified: entry.mtimeNs,
      changed: entry.ctimeNs,
      mode: Number(entry.mode) & 0o7777,
    };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** As `fingerprintOf`, but undefined also for what is no file. */
export async function regularFileAt(path: string): Promise<Fingerprint | undefined> {
  try {
    return await fingerprintOf(path);
  } catch (error) {
    if (error instanceof PathProblem) return undefined;
    throw error;
  }
}

/** Two names of one file, whatever it holds. */
export function isOneFile(a: Fingerprint, b: Fingerprint): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/** Same file, same content as far as the file system tells; a rename in between is no change. */
export function isSameContent(a: Fingerprint, b: Fingerprint): boolean {
  return isOneFile(a, b) && a.size === b.size && a.modified === b.modified;
}

/**
 * Hashes exactly one version of a file: its size, times and inode are the same before and after.
 *
 * @returns undefined when there is no such file
 * @throws PathProblem `changing`, `unreadable` or `blocked`
 */
export function hashStable(path: string, wait: Wait): Promise<LocalVersion | undefined> {
  return readStable(path, wait, async (file) => ({ md5: await hashFile(file) }));
}

/**
 * Takes a private copy of exactly one version (the stable read of docs/sync.md): small files into
 * memory, larger ones into `folder`, as a clone where the file system can.
 *
 * @returns undefined when there is no such file
 * @throws PathProblem `changing`, `unreadable` or `blocked`; ENOSPC when the copy does not fit
 */
export function copyStable(
  path: string,
  folder: string,
  wait: Wait,
): Promise<StableCopy | undefined> {
  return readStable(path, wait, async (file, size) => {
    if (size <= IN_MEMORY) {
      const body = await file.readFile();
      const md5 = createHash('md5').update(body).digest('hex');
      return { md5, body, dispose: () => Promise.resolve() };
    }
    const copy = join(folder, randomBytes(8).toString('hex'));
    const dispose = (): Promise<void> => rm(copy, { force: true });
    try {
      await copyFile(path, copy, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      const handle = await open(copy, 'r');
      try {
        const { size: length } = await handle.stat();
        const openRange = (range?: { start: number; end: number }): Readable =>
          createReadStream(copy, range);
        const body = { open: openRange, length };
        return { md5: await hashFile(handle), body, dispose };
      } finally {
        await handle.close();
      }
    } catch (error) {
      await dispose();
      throw error;
    }
  });
}

type Taken = { md5: string; dispose?: () => Promise<void> };

async function readStable<T extends Taken>(
  path: string,
  wait: Wait,
  take: (file: FileHandle, size: number) => Promise<T>,
): Promise<(T & LocalVersion) | undefined> {
  for (const pause of [...SETTLE_MS, undefined]) {
    const before = await fingerprintOf(path);
    if (before === undefined) return undefined;
    const file = await openToRead(path);
    if (file === undefined) return undefined;
    let taken: T;
    try {
      taken = await take(file, Number(before.size));
    } finally {
      await file.close();
    }
    const after = await fingerprintOf(path);
    if (after !== undefined && isSameContent(before, after) && before.changed === after.changed) {
      const modifiedMs = Number(after.modified / 1000n) / 1000;
      const { mode, ...fingerprint } = after;
      return { ...taken, size: Number(after.size), modifiedMs, mode, fingerprint };
    }
    await taken.dispose?.();
    if (pause !== undefined) await wait(pause);
  }
  throw new PathProblem('changing', `${path} is being written; it is synced when it is quiet`);
}

async function openToRead(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'EACCES', 'EPERM', 'EIO', 'EBUSY')) {
      throw new PathProblem('unreadable', `${path} cannot be read`, error);
    }
    throw error;
  }
}

async function hashFile(file: FileHandle): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of file.createReadStream({ autoClose: false, start: 0 })) {
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

/** A new name of ours in the folder of `path`; the filters leave it out. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `${OWN_PREFIX}tmp-${randomBytes(8).toString('hex')}`);
}

export function isTemporaryName(name: string): boolean {
  return name.startsWith(`${OWN_PREFIX}tmp-`) && /-[0-9a-f]{16}$/.test(name);
}

/**
 * Gives `from` the name `to`, unless something has that name by now. `from` must be a private name
 * of ours: it is gone afterwards. The inode stays, so a program that has the file open keeps it.
 *
 * @returns false, with `from` untouched, when something stands at `to`
 */
export async function placeNew(from: string, to: string, makeLink = link): Promise<boolean> {
  if (!(await addName(from, to, makeLink))) return false;
  await rm(from, { force: true });
  return true;
}

/** The same, but the private name stays until the caller removes it, where a file can have two. */
export async function addName(from: string, to: string, makeLink = link): Promise<boolean> {
  try {
    await makeLink(from, to);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error;
    return renameToClaimed(from, to);
  }
  return true;
}

/**
 * Where there are no hard links (FAT, some network file systems): an empty file claims the name,
 * and is replaced if it is still there and still empty.
 */
async function renameToClaimed(from: string, to: string): Promise<boolean> {
  let claim: Fingerprint;
  try {
    const file = await open(to, 'wx');
    try {
      const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
      claim = { device: dev, inode: ino, size, modified: mtimeNs, changed: ctimeNs };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
  const isClaim = async (): Promise<boolean> => {
    const now = await fingerprintOf(to);
    return now !== undefined && isSameContent(now, claim);
  };
  if (!(await isClaim())) return false;
  try {
    await replaceFile(from, to);
  } catch (error) {
    if (await isClaim()) await rm(to);
    throw error;
  }
  return true;
}

/** Copies a file to a new name, with its modification time, and waits until it is on the disk. */
export async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  const { atimeMs, mtimeMs } = await lstat(from);
  const file = await open(to, 'r+');
  try {
    await file.utimes(atimeMs / 1000, mtimeMs / 1000);
    await file.sync();
  } finally {
    await file.close();
  }
}
