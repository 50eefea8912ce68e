import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isErrno } from './atomic-file.ts';

/** What is in a folder; nothing in one that is not there, or that may not be read. */
export async function entriesIfReadable(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EIO')) return [];
    throw error;
  }
}
