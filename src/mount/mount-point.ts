import {
  access,
  chmod,
  constants,
  mkdir,
  open,
  readdir,
  realpath,
  rmdir,
  stat,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { shellWord } from '../output/format.ts';
import { isErrno } from '../platform/atomic-file.ts';
import { here, platformOf } from '../platform/platform.ts';

/**
 * The folder's real path, so that it compares with the system's mount table. The folder itself is
 * not touched: it may be a dead mount, and need not exist yet.
 */
export async function resolveMountPoint(
  path: string,
  platform: NodeJS.Platform = here.name,
): Promise<string> {
  if (!platformOf(platform).unix && isDrive(path)) return path.slice(0, 2).toUpperCase();
  const absolute = resolve(path);
  return join(await realAncestor(dirname(absolute)), basename(absolute));
}

/** A drive letter of Windows: `X:`, `x:` or `X:\`. */
export function isDrive(path: string): boolean {
  return /^[A-Za-z]:[\\/]?$/.test(path);
}

async function realAncestor(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || dirname(path) === path) throw error;
    return join(await realAncestor(dirname(path)), basename(path));
  }
}

/**
 * Makes the folder if it is not there, and sees that it can be mounted on: a folder, empty and
 * ours to write to. Not for a folder on which something is mounted.
 *
 * @throws AbortError `mount-point` (13) with the reason
 */
export async function checkMountPoint(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const info = await stat(path);
    if (!info.isDirectory()) throw refused(path, 'is not a folder');
    if (info.uid !== process.getuid?.()) await access(path, constants.W_OK | constants.X_OK);
    if ((await readdir(path)).length > 0) {
      throw refused(path, 'is not empty', [
        'Choose another folder with --path, or move what is in it away.',
        `mv ${shellWord(path)} ${shellWord(`${path}.before`)}`,
      ]);
    }
  } catch (error) {
    if (isErrno(error, 'EEXIST', 'ENOTDIR')) throw refused(path, 'is not a folder');
    // Node's recursive mkdir says ENOENT where the file system is read-only.
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOENT'))
      throw refused(path, 'cannot be written to');
    throw error;
  }
}

/**
 * WinFsp makes the mount point itself: a drive letter that is free, or a folder that is not there,
 * in one that is. An empty folder is taken away for it.
 *
 * @throws AbortError `mount-point` (13) with the reason
 */
export async function checkFreeMountPoint(path: string): Promise<void> {
  if (isDrive(path)) {
    const taken = await access(`${path}\\`).then(
      () => true,
      () => false,
    );
    if (taken) {
      throw refused(path, 'is in use', ['Choose another drive letter: cloud mount --path Y:']);
    }
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  await rmdir(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return;
    throw isErrno(error, 'ENOTEMPTY', 'EEXIST')
      ? refused(path, 'is not empty')
      : refused(path, 'is not a folder that can be mounted on');
  });
}

/**
 * Opens the folder for mounting; the returned call, made once something is mounted on it, makes
 * the folder underneath read-only. So after a crash nothing can be written beside the mount, to
 * where nobody would ever upload it.
 */
export async function uncoverMountPoint(path: string): Promise<() => Promise<void>> {
  const { mode } = await stat(path);
  await chmod(path, (mode & 0o777) | 0o700);
  const underneath = await open(path, 'r');
  return async () => {
    try {
      await underneath.chmod(mode & 0o555);
    } finally {
      await underneath.close();
    }
  };
}

function refused(path: string, why: string, suggestions?: string[]): AbortError {
  return new AbortError('mount-point', `${path} ${why}.`, {
    exitCode: ExitCode.mount,
    suggestions: suggestions ?? ['Choose another folder with --path.'],
    details: { path },
  });
}
