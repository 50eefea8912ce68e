import { OWN_PREFIX } from './own-files.ts';
import { regexOf, textRegex } from './glob-regex.ts';
import { ignoreLines, parseIgnoreLine, type IgnorePattern } from './ignore-pattern.ts';

/** A line of an ignore file that means something. */
export interface IgnoreRule extends IgnorePattern {
  /** The line as it is written. */
  text: string;
  /** Path of its file in the synced folder; null: the default list. */
  file: string | null;
  /** From 1. */
  line: number;
  /** The folder it is about: `''` for the synced folder, else with a slash at its end. */
  base: string;
}

/** The rules of one ignore file. `base` as in `IgnoreRule`. */
export function parseIgnoreText(
  text: string,
  origin: Pick<IgnoreRule, 'file' | 'base'>,
): IgnoreRule[] {
  return ignoreLines(text).flatMap((line, index) => {
    const pattern = parseIgnoreLine(line);
    return pattern === undefined ? [] : [{ ...pattern, ...origin, text: line, line: index + 1 }];
  });
}

export type EntryKind = 'file' | 'folder';

/** Whether a path is synced, and what decided it. */
export interface Decision {
  ignored: boolean;
  /** The last rule that matched; `own`: one of our own files; null: no rule, so it is synced. */
  by: IgnoreRule | 'own' | null;
  /** What it matched: the path itself, or the folder on the way that is ignored with all in it. */
  at: string;
}

/**
 * Decides what is synced as git decides what it ignores: the last rule that matches wins, rules of
 * a folder nearer to the path come after those of the folders above, and nothing in an ignored
 * folder is looked at any more. Letters of different case are different on every system, for the
 * same files must be chosen on every machine.
 */
export class PathFilter {
  /** In order; the last one that matches wins. */
  readonly rules: readonly IgnoreRule[];
  readonly #matchers: readonly Matcher[];
  readonly #mayIgnore: (path: string, name: string) => boolean;
  readonly #folders = new Map<string, boolean>();

  constructor(rules: readonly IgnoreRule[]) {
    this.rules = rules;
    this.#matchers = rules.map(makeMatcher);
    this.#mayIgnore = quickLook(rules);
  }

  ignores(path: string, kind: EntryKind): boolean {
    const slash = path.lastIndexOf('/');
    if (slash !== -1 && this.#ignoresFolder(path.slice(0, slash))) return true;
    const name = path.slice(slash + 1);
    if (name.startsWith(OWN_PREFIX)) return true;
    return this.#mayIgnore(path, name) && this.#lastMatch(path, name, kind)?.negated === false;
  }

  /** The same with the reason. */
  decide(path: string, kind: EntryKind): Decision {
    const names = path.split('/');
    let last: Decision = { ignored: false, by: null, at: path };
    for (const [index, name] of names.entries()) {
      const at = names.slice(0, index + 1).join('/');
      if (name.startsWith(OWN_PREFIX)) return { ignored: true, by: 'own', at };
      const isLast = index === names.length - 1;
      const rule = this.#lastMatch(at, name, isLast ? kind : 'folder');
      if (rule?.negated === false) return { ignored: true, by: rule, at };
      if (isLast) last = { ignored: false, by: rule ?? null, at };
    }
    return last;
  }

  #ignoresFolder(path: string): boolean {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const ignored = this.ignores(path, 'folder');
    this.#folders.set(path, ignored);
    return ignored;
  }

  #lastMatch(path: string, name: string, kind: EntryKind): IgnoreRule | undefined {
    for (let index = this.rules.length - 1; index >= 0; index -= 1) {
      if (this.#matchers[index]?.(path, name, kind) === true) return this.rules[index];
    }
    return undefined;
  }
}

type Matcher = (path: string, name: string, kind: EntryKind) => boolean;

function makeMatcher({ glob, foldersOnly, anyDepth, base }: IgnoreRule): Matcher {
  if (glob === undefined) return () => false;
  const regex = new RegExp(`^${anyDepth ? '' : textRegex(base)}${regexOf(glob)}$`, 'su');
  return (path, name, kind) => {
    if (foldersOnly && kind === 'file') return false;
    return anyDepth ? path.startsWith(base) && regex.test(name) : regex.test(path);
  };
}

/** One look for most paths, which no rule ignores. */
function quickLook(rules: readonly IgnoreRule[]): (path: string, name: string) => boolean {
  const names: string[] = [];
  const paths: string[] = [];
  for (const { negated, glob, anyDepth, base } of rules) {
    if (negated || glob === undefined) continue;
    if (anyDepth) names.push(regexOf(glob));
    else paths.push(textRegex(base) + regexOf(glob));
  }
  const anyOf = (sources: readonly string[]): RegExp | undefined =>
    sources.length === 0 ? undefined : new RegExp(`^(?:${sources.join('|')})$`, 'su');
  const [byName, byPath] = [anyOf(names), anyOf(paths)];
  return (path, name) => byName?.test(name) === true || byPath?.test(path) === true;
}
