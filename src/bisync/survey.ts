import { constants, type Dirent } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import { defaultRules } from './filters/default-rules.ts';
import { filtersUnreadable, ignoreFileNames, readIgnoreFile } from './filters/ignore-file.ts';
import type { LeftOut } from './filters/left-out.ts';
import { parseIgnoreText, PathFilter, type IgnoreRule } from './filters/path-filter.ts';
import { deviceOf } from './inner-disks.ts';
import { isTemporaryName } from './local-file.ts';
import { hasLookAlike } from './names.ts';
import { TRASH_BESIDE } from './trash.ts';

export interface SurveyOptions {
  /** Find out whether each file can be read. */
  tryToRead: boolean;
  /** `.gitignore` files count as well. */
  gitignore: boolean;
  /** Called for each file that is synced. */
  onFile?: (path: string) => void;
}

/** What a run must know of the local folder before rclone lists it. */
export interface Survey {
  /** What is synced, by the default list and the ignore files that are there. */
  filter: PathFilter;
  /**
   * What rclone must be told to leave out, because one such file would end its run or would be
   * dropped without a word: names that it mixes up, and, with `tryToRead`, what this process may
   * not read. A folder whose ignore file cannot be read is left out as well: nobody knows what in it
   * is meant to stay here.
   */
  leftOut: LeftOut[];
  /** Absolute paths of temporary files of ours: leftovers, as nobody else is at work under the lock. */
  temporaries: string[];
  /** Absolute paths of trash folders beside files, on another file system than the pair's trash. */
  trashes: string[];
  /** Disks that are mounted in the root: folders on another file system than the one around them, by their path. */
  disks: string[];
}

/**
 * Walks through the folder; nothing in an ignored folder is looked at.
 *
 * @throws AbortError `filters-unreadable` (78) when that is the ignore file of the whole folder
 */
export async function surveyFolder(root: string, options: SurveyOptions): Promise<Survey> {
  const rules = defaultRules();
  const found = { leftOut: [], temporaries: [], trashes: [], disks: [] };
  const walk: Walk = { ...options, ...found, root, rules: [...rules] };
  await surveyBelow('', new PathFilter(rules), walk, deviceOf(root));
  return { ...found, filter: new PathFilter(walk.rules) };
}

interface Walk extends SurveyOptions, Omit<Survey, 'filter'> {
  root: string;
  /** Every rule found so far; those of a folder after those of the folders above it. */
  rules: IgnoreRule[];
}

/**
 * @param above the rules of the folders above
 * @param device of the folder itself
 */
async function surveyBelow(
  folder: string,
  above: PathFilter,
  walk: Walk,
  device: number | undefined,
): Promise<void> {
  const { root, leftOut } = walk;
  const entries = await entriesOf(join(root, folder));
  const own = entries === undefined ? undefined : await rulesOf(folder, entries, walk);
  if (entries === undefined || own === undefined) {
    if (folder !== '') leftOut.push({ path: folder, folder: true, reason: 'unreadable' });
    else if (entries !== undefined) throw filtersUnreadable(root);
    return;
  }
  walk.rules.push(...own);
  const filter = own.length === 0 ? above : new PathFilter([...above.rules, ...own]);
  const mixedUp = entries.some(({ name }) => hasLookAlike(name)) ? isMixedUp : hasLookAlike;
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const isFolder = entry.isDirectory();
    if (isTemporaryName(entry.name)) walk.temporaries.push(join(root, path));
    else if (entry.name === TRASH_BESIDE && isFolder) walk.trashes.push(join(root, path));
    if (!isFolder && !entry.isFile()) continue;
    if (filter.ignores(path, isFolder ? 'folder' : 'file')) continue;
    if (mixedUp(entry.name)) {
      leftOut.push({ path, folder: isFolder, reason: 'unsupported-name' });
    } else if (isFolder) {
      const inner = deviceOf(join(root, path));
      if (inner !== device) walk.disks.push(path);
      await surveyBelow(path, filter, walk, inner);
    } else if (walk.tryToRead && !(await mayRead(join(root, path)))) {
      leftOut.push({ path, folder: false, reason: 'unreadable' });
    } else walk.onFile?.(path);
  }
}

/**
 * Whether rclone may take a name for another one in a folder with look-alikes: a tab is shown as `␉`,
 * as is a real `␉`, so a rule that leaves the one out leaves out both.
 */
function isMixedUp(name: string): boolean {
  return hasLookAlike(name) || /[\u0000-\u001f\u007f]/.test(name);
}

/** Undefined when it cannot be read. */
async function entriesOf(folder: string): Promise<Dirent[] | undefined> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    if (isErrno(error, 'EACCES', 'EPERM', 'EIO')) return undefined;
    throw error;
  }
}

/** What the ignore files in a folder say; undefined when one of them cannot be read. */
async function rulesOf(
  folder: string,
  entries: readonly Dirent[],
  { root, gitignore }: Walk,
): Promise<IgnoreRule[] | undefined> {
  const base = folder === '' ? '' : `${folder}/`;
  const rules: IgnoreRule[] = [];
  for (const name of ignoreFileNames({ gitignore })) {
    // As git does, only regular files, no symlinks.
    if (!entries.some((entry) => entry.name === name && entry.isFile())) continue;
    const file = base + name;
    const text = await readIgnoreFile(join(root, file));
    if (text === undefined) return undefined;
    rules.push(...parseIgnoreText(text, { file, base }));
  }
  return rules;
}

async function mayRead(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    return true;
  } catch (error) {
    return !isErrno(error, 'EACCES', 'EPERM', 'EIO');
  }
}
