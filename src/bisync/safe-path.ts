import { lstat, mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import { unfitForWindows } from '../platform/file-names.ts';
import { platformOf } from '../platform/platform.ts';
import { PathProblem } from './problems.ts';

/** Why a key must never touch the disk, or undefined when it may. */
export function unsafeKey(key: string, platform: NodeJS.Platform): string | undefined {
  if (key === '' || key.startsWith('/')) return 'the key is absolute';
  const segments = key.split('/');
  if (segments.includes('')) return 'the key has an empty segment';
  if (segments.includes('.') || segments.includes('..')) return 'the key has a segment of dots';
  if (key.includes('\0')) return 'the key holds a zero byte';
  if (!platformOf(platform).unix && /[\\:]/.test(key))
    return 'the key holds a backslash or a colon';
  return undefined;
}

export interface PathOptions {
  createFolders?: boolean;
}

/**
 * The absolute path of a key below `root`. Each folder on the way must be a folder, not a symlink.
 *
 * @throws PathProblem `unsafe-path`; `unfit-name` for a name that Windows would change into another, or
 * take for a device; `blocked` when a file stands where a folder is needed
 */
export async function pathInside(
  root: string,
  key: string,
  { platform, createFolders = false }: PathOptions & { platform: NodeJS.Platform },
): Promise<string> {
  const unsafe = unsafeKey(key, platform);
  if (unsafe !== undefined) throw new PathProblem('unsafe-path', `${unsafe}: ${key}`);
  const unfit = platformOf(platform).unix ? undefined : unfitForWindows(key);
  if (unfit !== undefined) throw new PathProblem('unfit-name', `${key}: ${unfit}`);
  const segments = key.split('/');
  const name = segments.pop() ?? '';
  let folder = root;
  for (const segment of segments) {
    folder = join(folder, segment);
    if (!(await isRealFolder(folder, key)) && createFolders) {
      await mkdir(folder).catch((error: unknown) => {
        if (!isErrno(error, 'EEXIST')) throw error;
      });
      await isRealFolder(folder, key);
    }
  }
  return join(folder, name);
}

async function isRealFolder(folder: string, key: string): Promise<boolean> {
  try {
    const entry = await lstat(folder);
    if (entry.isDirectory()) return true;
    if (entry.isSymbolicLink()) {
      throw new PathProblem('unsafe-path', `${folder} is a symlink; nothing is written through it`);
    }
    throw new PathProblem('blocked', `${folder} is a file, but ${key} needs a folder there`);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    if (isErrno(error, 'ENOTDIR')) {
      throw new PathProblem('blocked', `a file stands where ${key} needs a folder`, error);
    }
    throw error;
  }
}

/**
 * Whether what the system finds at `path` really has this name, and is not another file that a
 * case-folding or Unicode-normalising file system takes for it.
 */
export async function isExactName(path: string): Promise<boolean> {
  return (await readdir(dirname(path))).includes(basename(path));
}
