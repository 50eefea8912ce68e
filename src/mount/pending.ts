import { readdirSync, readFileSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { REMOTE } from './vfs.ts';

export interface PendingFile {
  name: string;
  /** Bytes. */
  size: number;
}

export interface PendingWork {
  files: PendingFile[];
  bytes: number;
  /** False when the time was up before all of the cache was looked at. */
  complete: boolean;
}

/**
 * What waits on this disk to be uploaded, read from the cache of a mount without its rclone:
 * rclone keeps a small JSON file for each cached file, with `"Dirty": true` until it is uploaded.
 *
 * @param withinMs when to stop looking and report what was found so far
 */
export function scanPending(cacheDir: string, bucket: string, withinMs: number): PendingWork {
  const deadline = performance.now() + withinMs;
  const root = join(cacheDir, 'vfsMeta', REMOTE, bucket);
  const files: PendingFile[] = [];
  const folders = [''];
  let complete = true;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entries(join(root, folder))) {
      if (performance.now() > deadline) {
        complete = false;
        folders.length = 0;
        break;
      }
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(name);
      else {
        const size = dirtySize(join(root, name));
        if (size !== undefined) files.push({ name, size });
      }
    }
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { files, bytes: files.reduce((sum, file) => sum + file.size, 0), complete };
}

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** A file that cannot be understood was being written when rclone ended: it counts as pending. */
function dirtySize(path: string): number | undefined {
  try {
    const info = JSON.parse(readFileSync(path, 'utf8')) as { Dirty?: unknown; Size?: unknown };
    if (info.Dirty !== true) return undefined;
    return typeof info.Size === 'number' ? info.Size : 0;
  } catch (error) {
    return error instanceof SyntaxError ? 0 : undefined;
  }
}
