import { constants, type Dirent } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import { IGNORED_FOLDERS, OWN_PREFIX, type LeftOut } from './filters.ts';
import { isTemporaryName } from './local-file.ts';
import { hasLookAlike } from './names.ts';
import { TRASH_BESIDE } from './trash.ts';

/**
 * What rclone must be told to leave out of the local folder, because one such file would end its
 * run or would be dropped without a word: names that it mixes up, and, with `tryToRead`, what this
 * process may not read.
 */
export async function surveyFolder(root: string, options: { tryToRead: boolean }): Promise<Survey> {
  const found: Survey = { leftOut: [], temporaries: [], trashes: [] };
  await surveyInto(found, root, options, '');
  return found;
}

export interface Survey {
  leftOut: LeftOut[];
  /** Absolute paths of temporary files of ours: leftovers, as nobody else is at work under the lock. */
  temporaries: string[];
  /** Absolute paths of trash folders beside files, on another file system than the pair's trash. */
  trashes: string[];
}

async function surveyInto(
  found: Survey,
  root: string,
  options: { tryToRead: boolean },
  folder: string,
): Promise<void> {
  for (const entry of await entriesOf(found, root, folder)) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const isFolder = entry.isDirectory();
    if (isTemporaryName(entry.name)) found.temporaries.push(join(root, path));
    else if (entry.name === TRASH_BESIDE && isFolder) found.trashes.push(join(root, path));
    if (entry.name.startsWith(OWN_PREFIX) || (!isFolder && !entry.isFile())) continue;
    if (isFolder && IGNORED_FOLDERS.includes(entry.name)) continue;
    if (hasLookAlike(entry.name)) {
      found.leftOut.push({ path, folder: isFolder, reason: 'unsupported-name' });
    } else if (isFolder) await surveyInto(found, root, options, path);
    else if (options.tryToRead && !(await mayRead(join(root, path)))) {
      found.leftOut.push({ path, folder: false, reason: 'unreadable' });
    }
  }
}

async function entriesOf(found: Survey, root: string, folder: string): Promise<Dirent[]> {
  try {
    return await readdir(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    if (!isErrno(error, 'EACCES', 'EPERM', 'EIO')) throw error;
    if (folder !== '') found.leftOut.push({ path: folder, folder: true, reason: 'unreadable' });
    return [];
  }
}

async function mayRead(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch (error) {
    return !isErrno(error, 'EACCES', 'EPERM', 'EIO');
  }
}
