import { lstat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { isErrno } from '../platform/atomic-file.ts';
import type { EntryKind, IgnoreRule } from './filters/path-filter.ts';
import { rcloneRules } from './filters/rclone-rules.ts';
import { surveyFolder } from './survey.ts';
import { isInside, keyBelow } from '../platform/paths.ts';

/** A line of an ignore file and where it is. */
export interface ShownRule {
  /** As it is written. */
  text: string;
  /** Path in the synced folder; null: the default list. */
  file: string | null;
  line: number;
  /** Takes back what an earlier line ignores. */
  negated: boolean;
  /** git and we find it malformed: it matches nothing. */
  malformed: boolean;
}

export interface ShownFilters {
  root: string;
  gitignore: boolean;
  /** In order; the last one that matches a path decides. */
  rules: ShownRule[];
  /** The same for `rclone --filter-from`, and whether it is exact. */
  rclone: { text: string; exact: boolean };
}

/** The rules that are in force in a synced folder now. @throws as `surveyFolder` */
export async function showFilters(root: string, gitignore: boolean): Promise<ShownFilters> {
  await mustExist(root);
  const { filter, leftOut } = await surveyFolder(root, { tryToRead: false, gitignore });
  return {
    ...{ root, gitignore },
    rules: filter.rules.map(shownRule),
    rclone: await rcloneRules(filter.rules, leftOut),
  };
}

/** Whether one path is synced, and why. */
export interface PathVerdict {
  /** In the synced folder. */
  path: string;
  kind: EntryKind | 'other';
  ignored: boolean;
  /** `rule`: `rule` decided; `own`: a file of ours; `kind`: a symlink or device; `none`: nothing. */
  reason: 'rule' | 'own' | 'kind' | 'none';
  rule: ShownRule | null;
  /** What the rule matched: the path, or a folder on the way that is ignored with all in it. */
  matched: string;
}

export interface TestedPaths {
  root: string;
  exitCode: ExitCode;
  paths: PathVerdict[];
}

/**
 * What the rules say about paths, which need not exist; one with a slash at its end is a folder. A
 * path is taken from the working folder where that is in the synced folder, else from there.
 *
 * @throws AbortError `outside-folder` (2), and as `surveyFolder`
 */
export async function testPaths(
  { root, gitignore, cwd }: { root: string; gitignore: boolean; cwd: string },
  given: readonly string[],
): Promise<TestedPaths> {
  await mustExist(root);
  const { filter } = await surveyFolder(root, { tryToRead: false, gitignore });
  const paths = await Promise.all(
    given.map(async (path): Promise<PathVerdict> => {
      const key = keyOf(root, cwd, path);
      const found = await kindOf(join(root, key));
      const kind = path.endsWith('/') ? 'folder' : (found ?? 'file');
      const { ignored, by, at } = filter.decide(key, kind === 'other' ? 'file' : kind);
      const common = { path: key, kind, matched: at };
      if (by === 'own') return { ...common, ignored: true, reason: 'own', rule: null };
      if (!ignored && kind === 'other') {
        return { ...common, ignored: true, reason: 'kind', rule: null };
      }
      const rule = by === null ? null : shownRule(by);
      return { ...common, ignored, reason: rule === null ? 'none' : 'rule', rule };
    }),
  );
  const exitCode = paths.some(({ ignored }) => ignored) ? ExitCode.failed : ExitCode.ok;
  return { root, exitCode, paths };
}

function shownRule({ text, file, line, negated, glob }: IgnoreRule): ShownRule {
  return { text: text.replace(/\r$/, ''), file, line, negated, malformed: glob === undefined };
}

function keyOf(root: string, cwd: string, path: string): string {
  const key = keyBelow(root, resolve(isInside(root, cwd) ? cwd : root, path));
  if (key !== undefined && key !== '') return key;
  throw new AbortError('outside-folder', `${path} is not a path in ${root}.`, {
    exitCode: ExitCode.usage,
  });
}

async function kindOf(path: string): Promise<PathVerdict['kind'] | undefined> {
  try {
    const entry = await lstat(path);
    return entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : 'other';
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

async function mustExist(root: string): Promise<void> {
  if ((await kindOf(root)) !== undefined) return;
  throw new AbortError('not-a-folder', `The synced folder ${root} is not there.`, {
    exitCode: ExitCode.notSetUp,
    suggestions: ['cloud setup'],
  });
}
