import { encodeRcloneName, hasLookAlike } from '../names.ts';
import { regexOf } from './glob-regex.ts';
import type { GlobPart } from './ignore-pattern.ts';
import type { LeftOut } from './left-out.ts';
import { ACCESS_FILE, OWN_PREFIX } from './own-files.ts';
import type { IgnoreRule } from './path-filter.ts';
import { shownPattern, wholePath, type ShownPattern } from './shown-pattern.ts';

/**
 * The rules for `rclone --filter-from`, with exactly the meaning of a `PathFilter` of the same rules.
 * rclone takes the first rule that matches and git the last one, and in an ignored folder git takes
 * nothing back. So first come the ignored folders, each without what a later `!` line takes back of
 * it, and then what is said about files, from the last line to the first.
 *
 * Where such a difference has no regular expression of bearable size, that folder is not named:
 * rclone then lists too much, and the `PathFilter`, which sees every listing, leaves it out.
 *
 * https://rclone.org/filtering/, and `fs/filter` of rclone for what the page leaves open
 *
 * @param leftOut what cannot be read now
 */
export async function rcloneRules(
  rules: readonly IgnoreRule[],
  leftOut: readonly LeftOut[] = [],
): Promise<RcloneRules> {
  const { folders, exact } = await ignoredFolders(rules);
  const lines = [
    ...leftOut.map(({ path, folder }) => `- /${namedPath(path)}${folder ? '/**' : ''}`),
    `+ /${ACCESS_FILE}`,
    `- ${OWN_PREFIX}*`,
    `- ${OWN_PREFIX}*/**`,
    ...inOne(folders).map((regex) => `- /{{${regex}}}/**`),
    ...fileRules(rules),
  ];
  return { text: `${lines.join('\n')}\n`, exact };
}

export interface RcloneRules {
  text: string;
  /** False: rclone lists more than what is synced. */
  exact: boolean;
}

/** Paths that match one expression followed by the other. */
interface Alternative {
  parent: string;
  name: string;
}

/** Folders that are ignored with all that is in them. */
async function ignoredFolders(
  rules: readonly IgnoreRule[],
): Promise<{ folders: Alternative[]; exact: boolean }> {
  const folders: Alternative[] = [];
  let exact = true;
  for (const [index, rule] of rules.entries()) {
    const pattern = shownPattern(rule);
    if (rule.negated || pattern === undefined) continue;
    const takenBack = rules
      .slice(index + 1)
      .filter(({ negated }) => negated)
      .flatMap((later) => shownPattern(later) ?? [])
      .filter((later) => !areApart(pattern, later));
    if (takenBack.length === 0) folders.push(alternativeOf(pattern));
    else if (!takenBack.some((later) => isSame(pattern, later))) {
      const { subtract } = await import('./subtract.ts');
      const rest = subtract(pattern, takenBack);
      if (rest === undefined) exact = false;
      else folders.push(...rest);
    }
  }
  return { folders, exact };
}

function fileRules(rules: readonly IgnoreRule[]): string[] {
  const groups: { sign: '+' | '-'; all: Alternative[] }[] = [];
  for (const rule of rules.toReversed()) {
    const pattern = shownPattern(rule);
    if (rule.foldersOnly || pattern === undefined) continue;
    const sign = rule.negated ? '+' : '-';
    if (groups.at(-1)?.sign !== sign) groups.push({ sign, all: [] });
    groups.at(-1)?.all.push(alternativeOf(pattern));
  }
  // Synced is what no rule matches, anyway.
  if (groups.at(-1)?.sign === '+') groups.pop();
  return groups.flatMap(({ sign, all }) => inOne(all).map((regex) => `${sign} /{{${regex}}}`));
}

function alternativeOf(pattern: ShownPattern): Alternative {
  return pattern.anyDepth
    ? { parent: `${regexOf(pattern.base)}(?:.*/)?`, name: regexOf(pattern.glob) }
    : { parent: '', name: regexOf(wholePath(pattern)) };
}

/** rclone reads lines of up to 64 KiB. */
const MAX_LINE = 8_000;

/** One expression is matched faster than several. */
function inOne(all: readonly Alternative[]): string[] {
  const lines: string[] = [];
  for (const [parent, group] of Map.groupBy(all, (each) => each.parent)) {
    let line: string[] = [];
    const end = (): void => {
      if (line.length > 0) lines.push(`${parent}(?:${line.join('|')})`);
      line = [];
    };
    for (const regex of new Set(group.map((each) => each.name))) {
      if (line.join('|').length + regex.length > MAX_LINE) end();
      line.push(regex);
    }
    end();
  }
  return lines;
}

/** Whether two patterns certainly have no path in common; a cheap look at the usual cases. */
function areApart(one: ShownPattern, other: ShownPattern): boolean {
  // Where one is about names, the last name of the other must be one of them.
  const byName = one.anyDepth || other.anyDepth;
  const [left, right] = byName
    ? [lastName(one), lastName(other)]
    : [wholePath(one), wholePath(other)];
  const [leftText, rightText] = [plainText(left), plainText(right)];
  if (leftText !== undefined) return !fullMatch(right).test(leftText);
  if (rightText !== undefined) return !fullMatch(left).test(rightText);
  return false;
}

/** What the last name of a path must look like, or more than that. */
function lastName({ glob }: ShownPattern): GlobPart[] {
  const start = glob.findLastIndex(
    (part) => part.type === 'folders' || (part.type === 'char' && part.code === SLASH),
  );
  return glob
    .slice(start + 1)
    .map((part) => (part.type === 'everything' ? { type: 'star' as const } : part));
}

const SLASH = 0x2f;

function isSame(one: ShownPattern, other: ShownPattern): boolean {
  return one.anyDepth === other.anyDepth && regexOf(wholePath(one)) === regexOf(wholePath(other));
}

function plainText(parts: readonly GlobPart[]): string | undefined {
  let text = '';
  for (const part of parts) {
    if (part.type !== 'char') return undefined;
    text += String.fromCodePoint(part.code);
  }
  return text;
}

function fullMatch(parts: readonly GlobPart[]): RegExp {
  return new RegExp(`^${regexOf(parts)}$`, 'su');
}

/**
 * The path as rclone shows it; a backslash takes the meaning of its glob characters away. Whether
 * rclone puts a quote before a look-alike depends on where it stands, so any number of them matches.
 */
function namedPath(path: string): string {
  let pattern = '';
  for (const char of path) {
    if (char === '/' || char === '.') pattern += char;
    else if (hasLookAlike(char)) pattern += `{{\\x{201b}*${escaped(char)}}}`;
    else pattern += encodeRcloneName(char).replace(/[\\*?[\]{}]/g, '\\$&');
  }
  return pattern;
}

function escaped(char: string): string {
  return `\\x{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}
