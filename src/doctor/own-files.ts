import type { Stats } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';

const DRAIN = 'drain';

/** Files and folders below, without following links; what vanishes meanwhile is left out. */
export async function* walk(folder: string): AsyncGenerator<{ path: string; entry: Stats }> {
  for (const name of await namesIn(folder)) {
    // A mount of ours may be there for a moment, and a look into one may hang.
    if (name === DRAIN) continue;
    const path = join(folder, name);
    const entry = await statIfThere(path);
    if (entry === undefined) continue;
    yield { path, entry };
    if (entry.isDirectory()) yield* walk(path);
  }
}

export async function statIfThere(path: string): Promise<Stats | undefined> {
  return ifThere(lstat(path));
}

export async function readIfThere(path: string): Promise<string | undefined> {
  return ifThere(readFile(path, 'utf8'));
}

export async function namesIn(folder: string): Promise<string[]> {
  return (await ifThere(readdir(folder))) ?? [];
}

/** What may not be read is told by the permissions. */
async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}
