import { constants, type Dirent } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import { IGNORED_FOLDERS, OWN_PREFIX, type LeftOut } from './filters.ts';
import { hasLookAlike } from './names.ts';

/**
 * What rclone must be told to leave out of the local folder, because one such file would end its
 * run or would be dropped without a word: names that it mixes up, and, with `tryToRead`, what this
 * process may not read.
 */
export async function surveyFolder(
  root: string,
  options: { tryToRead: boolean },
  folder = '',
): Promise<LeftOut[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    if (!isErrno(error, 'EACCES', 'EPERM', 'EIO')) throw error;
    return folder === '' ? [] : [{ path: folder, folder: true, reason: 'unreadable' }];
  }
  const found: LeftOut[] = [];
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const isFolder = entry.isDirectory();
    if (entry.name.startsWith(OWN_PREFIX) || (!isFolder && !entry.isFile())) continue;
    if (isFolder && IGNORED_FOLDERS.includes(entry.name)) continue;
    if (hasLookAlike(entry.name)) {
      found.push({ path, folder: isFolder, reason: 'unsupported-name' });
    } else if (isFolder) found.push(...(await surveyFolder(root, options, path)));
    else if (options.tryToRead && !(await mayRead(join(root, path)))) {
      found.push({ path, folder: false, reason: 'unreadable' });
    }
  }
  return found;
}

async function mayRead(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch (error) {
    return !isErrno(error, 'EACCES', 'EPERM', 'EIO');
  }
}
