import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';

/** The file system that a folder is on; undefined for none. Synchronous, as `stampOf`. */
export function deviceOf(folder: string): number | undefined {
  try {
    return lstatSync(folder, { throwIfNoEntry: false })?.dev;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR', 'EACCES', 'EPERM', 'EIO', 'ENOTCONN', 'ESTALE')) return undefined;
    throw error;
  }
}

/**
 * Which of the disks that were mounted inside the root are not there now. In the empty place of one
 * everything looks deleted, and the marker of the root does not tell.
 */
export function notMounted(root: string, disks: readonly string[]): string[] {
  return disks.filter((path) => {
    const device = deviceOf(join(root, path));
    return device === undefined || device === deviceOf(dirname(join(root, path)));
  });
}
