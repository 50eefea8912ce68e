import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { FileConflict } from './conflict-list.ts';
import { originalOfConflict } from './names.ts';

/** The conflicts of a file, or the one of a copy. */
export function conflictsOf(all: readonly FileConflict[], path: string): FileConflict[] {
  return all.filter((each) => each.path === path || each.copy === path);
}

/** What is chosen, and which of it cannot be decided by one word. */
export interface Choice {
  chosen: FileConflict[];
  /** Conflicts of files with several copies, left as they are. */
  unclear: FileConflict[];
}

/**
 * The conflicts that paths name. A path that has none any more is no mistake, so that saying it
 * twice is as good as once. Of several copies of one file `newer` means the newest of all, and `both`
 * keeps them all; `local` and `cloud` would mean several versions: of `all` these are left.
 *
 * @throws AbortError `no-conflict` (2) for a path that is nothing, `several-conflicts` (2)
 */
export async function chosenConflicts(
  root: string,
  all: readonly FileConflict[],
  paths: readonly string[] | 'all',
  keep: string,
): Promise<Choice> {
  const isClear = keep === 'both' || keep === 'newer';
  if (paths === 'all') {
    const unclear = isClear ? [] : all.filter(({ path }) => conflictsOf(all, path).length > 1);
    return { chosen: all.filter((each) => !unclear.includes(each)), unclear };
  }
  const chosen = new Set<FileConflict>();
  for (const path of paths) {
    const found = conflictsOf(all, path);
    if (found.length === 0 && !(await isKnown(root, path))) throw noConflict(path);
    if (!isClear) refuseSeveral(found, path);
    for (const each of found) chosen.add(each);
  }
  return { chosen: [...chosen], unclear: [] };
}

export function noConflict(path: string): AbortError {
  return new AbortError('no-conflict', `There is no conflict of ${path}.`, {
    exitCode: ExitCode.usage,
    suggestions: ['cloud conflicts list'],
  });
}

function refuseSeveral(found: readonly FileConflict[], path: string): void {
  if (found.length < 2) return;
  throw new AbortError('several-conflicts', `There are ${found.length} copies of ${path}.`, {
    exitCode: ExitCode.usage,
    suggestions: ['Name the copy that is meant:', ...found.map(({ copy }) => `  ${copy}`)],
    details: { copies: found.map(({ copy }) => copy) },
  });
}

async function isKnown(root: string, path: string): Promise<boolean> {
  if (originalOfConflict(path) !== undefined) return true;
  return lstat(join(root, path)).then(
    () => true,
    () => false,
  );
}
