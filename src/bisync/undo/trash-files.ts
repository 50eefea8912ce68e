import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isErrno } from '../../platform/atomic-file.ts';
import { surveyFolder } from '../survey.ts';
import { timeOfRun } from '../trash-bounds.ts';
import { keyBelow } from '../../platform/paths.ts';

/** A version that syncing replaced or deleted here. */
export interface TrashFile {
  /** The id of the run, with a number where it moved several versions of one path. */
  id: string;
  /** Its path in the pair. */
  path: string;
  /** Where it lies. */
  file: string;
  /** RFC 3339: when the run began that moved it. */
  at: string;
  /** Bytes. */
  size: number;
}

/** Everything in the trash of a pair, newest first: in its own folder and in those beside files. */
export async function trashFiles(pair: { root: string; trash: string }): Promise<TrashFile[]> {
  const { trashes } = await surveyFolder(pair.root, { tryToRead: false, gitignore: false });
  const own = await filesOf(pair.trash, '');
  const beside = await Promise.all(
    trashes.map((folder) => filesOf(folder, keyBelow(pair.root, dirname(folder)) ?? '')),
  );
  return [...own, ...beside.flat()].toSorted(
    (a, b) => b.at.localeCompare(a.at) || a.path.localeCompare(b.path),
  );
}

async function filesOf(trash: string, below: string): Promise<TrashFile[]> {
  const found: TrashFile[] = [];
  for (const run of await namesIn(trash)) {
    const began = timeOfRun(run);
    if (began === undefined) continue;
    const folder = join(trash, run);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const names = new Set(files);
    for (const file of files) {
      const size = await sizeOf(file);
      if (size === undefined) continue;
      const [plain, number] = numbered(file, names);
      const path = [below, keyBelow(folder, plain)].filter(Boolean).join('/');
      const id = number === undefined ? run : `${run}.${number}`;
      found.push({ id, path, file, at: new Date(began).toISOString(), size });
    }
  }
  return found;
}

/** `a.md.1` beside `a.md` is the second version of `a.md` that the run moved. */
function numbered(file: string, names: ReadonlySet<string>): [string, string | undefined] {
  const match = /^(.+)\.(\d+)$/.exec(basename(file));
  const plain = match?.[1] === undefined ? undefined : join(dirname(file), match[1]);
  return plain !== undefined && names.has(plain) ? [plain, match?.[2]] : [file, undefined];
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await lstat(file)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
