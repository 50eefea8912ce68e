import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import { machineName, originalOfConflict } from './names.ts';
import type { OpenConflict } from './pair-memory.ts';
import { surveyFolder } from './survey.ts';

/** Two versions of one file: the one that has its name, and the conflict copy beside it. */
export interface FileConflict {
  path: string;
  copy: string;
  /** It waits for a choice. False: a profile chose by itself, or it was met by another machine. */
  open: boolean;
  /** The machine that met it; null where the copy's name says only that it came from the cloud. */
  machine: string | null;
  /** RFC 3339, or the date in the copy's name. */
  since: string;
  /**
   * `local` is the version of the machine that met the conflict, `cloud` the one that was in the
   * bucket then. One of them has the name now, the other is the copy.
   */
  sides: { local: ConflictSide; cloud: ConflictSide };
  newer: 'local' | 'cloud' | null;
}

export interface ConflictSide {
  /** Where this version is now, in the synced folder. */
  path: string;
  size: number;
  /** RFC 3339. */
  modifiedAt: string;
}

/** All conflicts whose two files are in the folder, open ones first. Offline; reads no contents. */
export async function listConflicts(
  root: string,
  open: readonly OpenConflict[],
  gitignore: boolean,
): Promise<FileConflict[]> {
  const byName: OpenConflict[] = [];
  const known = new Set(open.map(({ copy }) => copy));
  await surveyFolder(root, {
    ...{ tryToRead: false, gitignore },
    onFile: (copy) => {
      const name = known.has(copy) ? undefined : originalOfConflict(copy);
      if (name === undefined) return;
      const kept = name.machine === 'cloud' ? 'local' : 'cloud';
      byName.push({ path: name.path, copy, kept, open: false, at: name.date });
    },
  });
  const found = await Promise.all([...open, ...byName].map((each) => lookAt(root, each)));
  return found
    .filter((each) => each !== undefined)
    .sort((a, b) => Number(b.open) - Number(a.open) || (a.copy < b.copy ? -1 : 1));
}

/** The same two files as they are now; undefined when one of them is gone. */
export async function lookAgain(
  root: string,
  { path, copy, open, since: at, sides }: FileConflict,
): Promise<FileConflict | undefined> {
  const kept = sides.local.path === path ? 'local' : 'cloud';
  return lookAt(root, { path, copy, kept, open, at });
}

async function lookAt(
  root: string,
  { path, copy, kept, open, at }: OpenConflict,
): Promise<FileConflict | undefined> {
  const [named, other] = await Promise.all([sideOf(root, path), sideOf(root, copy)]);
  if (named === undefined || other === undefined) return undefined;
  const sides = kept === 'local' ? { local: named, cloud: other } : { local: other, cloud: named };
  const machine = open ? machineName() : (originalOfConflict(copy)?.machine ?? null);
  const [local, cloud] = [sides.local.modifiedAt, sides.cloud.modifiedAt];
  return {
    ...{ path, copy, open, since: at, sides },
    machine: machine === 'cloud' ? null : machine,
    newer: local === cloud ? null : local > cloud ? 'local' : 'cloud',
  };
}

async function sideOf(root: string, path: string): Promise<ConflictSide | undefined> {
  try {
    const entry = await lstat(join(root, path));
    if (!entry.isFile()) return undefined;
    return { path, size: entry.size, modifiedAt: entry.mtime.toISOString() };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}
