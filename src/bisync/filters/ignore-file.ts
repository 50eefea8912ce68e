import { readFile } from 'node:fs/promises';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { decodeText, isErrno } from '../../platform/atomic-file.ts';

/** The ignore file, in the synced folder and in any folder below; synced like any file. */
export const IGNORE_FILE = '.cloudignore';

/** In the order in which their rules come: the last one that matches decides. */
export function ignoreFileNames({ gitignore }: { gitignore: boolean }): string[] {
  return gitignore ? ['.gitignore', IGNORE_FILE] : [IGNORE_FILE];
}

/** What is in it, or nothing when it has just gone; undefined when it cannot be read. */
export async function readIgnoreFile(path: string): Promise<string | undefined> {
  try {
    return decodeText(await readFile(path));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return '';
    if (isErrno(error, 'EACCES', 'EPERM', 'EIO', 'EISDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

/** Without the rules nobody knows what is meant to stay here, so nothing is synced. */
export function filtersUnreadable(root: string): AbortError {
  return new AbortError(
    'filters-unreadable',
    `The ignore file in ${root} cannot be read, so nothing was synced.`,
    {
      exitCode: ExitCode.needsPerson,
      suggestions: [`Let this account read it: chmod u+r ${root}/${IGNORE_FILE}`],
    },
  );
}
