/** Code points from `first` to `last`, both included. */
export type CodeRange = readonly [first: number, last: number];

/** A piece of a pattern; `set` is one character, never a slash. */
export type GlobPart =
  | { type: 'char'; code: number }
  | { type: 'set'; ranges: readonly CodeRange[] }
  /** `*`: any characters but a slash. */
  | { type: 'star' }
  /** A double star before a slash: no folder, or any number of them. */
  | { type: 'folders' }
  /** A double star elsewhere: any characters. */
  | { type: 'everything' };

/** What one line of an ignore file means. */
export interface IgnorePattern {
  negated: boolean;
  /** Ended in a slash: it means folders only. */
  foldersOnly: boolean;
  /** Without a slash: it means names at any depth; otherwise paths from the ignore file's folder. */
  anyDepth: boolean;
  /** Undefined where git finds the pattern malformed: it then matches nothing. */
  glob: readonly GlobPart[] | undefined;
}

/** An ignore file's lines; their order is their number. A byte order mark is no part of the first. */
export function ignoreLines(text: string): string[] {
  return text.replace(/^\ufeff/, '').split('\n');
}

/**
 * Understands one line as git does (`dir.c`, `wildmatch.c`; https://git-scm.com/docs/gitignore), also
 * where the documentation is silent. One thing is different: `?`, `*` and `[…]` see characters where
 * git sees bytes, so that `?.md` is `é.md` too.
 *
 * @returns undefined for a comment or a blank line
 */
export function parseIgnoreLine(line: string): IgnorePattern | undefined {
  const text = withoutTrailingSpaces(line.replace(/\r$/, '').replace(/\0.*$/s, ''));
  if (text === '' || text.startsWith('#')) return undefined;
  const negated = text.startsWith('!');
  const whole = negated ? text.slice(1) : text;
  const foldersOnly = whole.endsWith('/');
  const body = foldersOnly ? whole.slice(0, -1) : whole;
  const anyDepth = !body.includes('/');
  const glob = body === '' ? undefined : parseGlob(body.replace(/^\//, ''), { anyDepth });
  return { negated, foldersOnly, anyDepth, glob };
}

/** Spaces at the end go, unless a backslash stands before them; tabs stay. */
function withoutTrailingSpaces(line: string): string {
  let end = 0;
  for (let index = 0; index < line.length; index += 1) {
    if (line[index] === '\\') index += 1;
    else if (line[index] === ' ') continue;
    end = index + 1;
  }
  return line.slice(0, end);
}

const MAX_CODE = 0x10ffff;
const SLASH = 0x2f;
const ANY: readonly CodeRange[] = [
  [0, SLASH - 1],
  [SLASH + 1, MAX_CODE],
];

function parseGlob(body: string, { anyDepth }: { anyDepth: boolean }): GlobPart[] | undefined {
  const chars = Array.from(body);
  // git compares the part before the first special character by itself and lets what follows it
  // begin anew, so that `a**/b` is `a/x/b` too, although `?a**/b` is not.
  const special = chars.findIndex((char) => '*?[\\'.includes(char));
  const parts: GlobPart[] = [];
  let at = 0;
  while (at < chars.length) {
    const char = chars[at] ?? '';
    if (char === '\\') {
      const escaped = chars[at + 1];
      if (escaped === undefined) return undefined;
      parts.push(charPart(escaped));
      at += 2;
    } else if (char === '?') {
      parts.push({ type: 'set', ranges: ANY });
      at += 1;
    } else if (char === '[') {
      const set = parseSet(chars, at);
      if (set === undefined) return undefined;
      parts.push({ type: 'set', ranges: set.ranges });
      at = set.end;
    } else if (char === '*') {
      const stars = countStars(chars, at);
      const starts = at === special || chars[at - 1] === '/';
      const after = chars.slice(at + stars, at + stars + 2).join('');
      if (stars === 1 || anyDepth || !starts) parts.push({ type: 'star' });
      else if (after.startsWith('/')) {
        parts.push({ type: 'folders' });
        at += 1;
      } else if (after === '' || after === '\\/') parts.push({ type: 'everything' });
      else parts.push({ type: 'star' });
      at += stars;
    } else {
      parts.push(charPart(char));
      at += 1;
    }
  }
  return parts;
}

function charPart(char: string): GlobPart {
  return { type: 'char', code: codeOf(char) };
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}

function countStars(chars: readonly string[], at: number): number {
  let end = at;
  while (chars[end] === '*') end += 1;
  return end - at;
}

const CLASSES: Readonly<Record<string, readonly CodeRange[]>> = {
  alnum: ranges('09', 'AZ', 'az'),
  alpha: ranges('AZ', 'az'),
  blank: ranges('  ', '\t\t'),
  cntrl: ranges('\0\x1f', '\x7f\x7f'),
  digit: ranges('09'),
  graph: ranges('!~'),
  lower: ranges('az'),
  print: ranges(' ~'),
  punct: ranges('!/', ':@', '[`', '{~'),
  space: ranges('\t\r', '  '),
  upper: ranges('AZ'),
  xdigit: ranges('09', 'AF', 'af'),
};

function ranges(...pairs: string[]): CodeRange[] {
  return pairs.map((pair) => [pair.charCodeAt(0), pair.charCodeAt(1)]);
}

/** `[…]` from `start` on, as `dowild` of git's wildmatch.c reads it. */
function parseSet(
  chars: readonly string[],
  start: number,
): { ranges: CodeRange[]; end: number } | undefined {
  let at = start + 1;
  const negated = chars[at] === '!' || chars[at] === '^';
  if (negated) at += 1;
  const found: CodeRange[] = [];
  let previous: string | undefined;
  // A bracket right at the start means itself.
  for (let first = true; first || chars[at] !== ']'; first = false) {
    let char = chars[at];
    if (char === undefined) return undefined;
    const next = chars[at + 1];
    if (char === '-' && previous !== undefined && next !== undefined && next !== ']') {
      at += next === '\\' ? 2 : 1;
      const last = chars[at];
      if (last === undefined) return undefined;
      found.push([codeOf(previous), codeOf(last)]);
      previous = undefined;
      at += 1;
      continue;
    }
    if (char === '[' && next === ':') {
      const close = chars.indexOf(']', at + 2);
      if (close === -1) return undefined;
      const name = chars.slice(at + 2, close - 1).join('');
      if (close > at + 2 && chars[close - 1] === ':') {
        const named = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
        if (named === undefined) return undefined;
        found.push(...named);
        previous = undefined;
        at = close + 1;
        continue;
      }
    } else if (char === '\\') {
      at += 1;
      char = chars[at];
      if (char === undefined) return undefined;
    }
    found.push([codeOf(char), codeOf(char)]);
    previous = char;
    at += 1;
  }
  const merged = mergeRanges(found);
  const wanted = negated ? complementOf(merged) : merged;
  return { ranges: withoutRange(wanted, [SLASH, SLASH]), end: at + 1 };
}

/** Sorted, without overlaps; what ends before it starts is nothing. */
export function mergeRanges(all: readonly CodeRange[]): CodeRange[] {
  const sorted = all.filter(([first, last]) => first <= last).sort((a, b) => a[0] - b[0]);
  const merged: CodeRange[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || range[0] > before[1] + 1) merged.push(range);
    else merged[merged.length - 1] = [before[0], Math.max(before[1], range[1])];
  }
  return merged;
}

function complementOf(merged: readonly CodeRange[]): CodeRange[] {
  let rest: CodeRange[] = [[0, MAX_CODE]];
  for (const range of merged) rest = withoutRange(rest, range);
  return rest;
}

/** What of the ranges is outside of one. */
export function withoutRange(all: readonly CodeRange[], [first, last]: CodeRange): CodeRange[] {
  return all.flatMap(([from, to]): CodeRange[] =>
    mergeRanges([
      [from, Math.min(to, first - 1)],
      [Math.max(from, last + 1), to],
    ]),
  );
}
