import { hostname } from 'node:os';

const QUOTE = '\u201b';
const FULL_DOT = '\uff0e';

/**
 * The real name behind one segment of a path as rclone shows it. rclone replaces what some system
 * cannot hold by look-alikes (control characters by U+2400 and following, `/` by U+FF0F, the names
 * `.` and `..` by full-width dots) and puts U+201B before a look-alike that was there already.
 *
 * https://rclone.org/overview/#restricted-filenames
 */
export function decodeRcloneName(name: string): string {
  if (name === FULL_DOT) return '.';
  if (name === FULL_DOT + FULL_DOT) return '..';
  if (name === QUOTE + FULL_DOT) return FULL_DOT;
  if (name === QUOTE + FULL_DOT + QUOTE + FULL_DOT) return FULL_DOT + FULL_DOT;
  let real = '';
  let quoted = false;
  for (const char of name) {
    if (char === QUOTE && !quoted) {
      quoted = true;
      continue;
    }
    const original = char === QUOTE ? char : originalOf(char);
    if (quoted) real += original === undefined ? QUOTE + char : char;
    else real += original ?? char;
    quoted = false;
  }
  return quoted ? real + QUOTE : real;
}

/** The opposite, for the listings that we hand to rclone. */
export function encodeRcloneName(name: string): string {
  if (name === '.' || name === '..') return FULL_DOT.repeat(name.length);
  if (name === FULL_DOT) return QUOTE + FULL_DOT;
  if (name === FULL_DOT + FULL_DOT) return QUOTE + FULL_DOT + QUOTE + FULL_DOT;
  let shown = '';
  for (const char of name) {
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x20) shown += String.fromCodePoint(0x2400 + code);
    else if (code === 0x7f) shown += '\u2421';
    else if (char === QUOTE || originalOf(char) !== undefined) shown += QUOTE + char;
    else shown += char;
  }
  return shown;
}

/**
 * Whether a path has characters that rclone itself uses to stand for others. It loses track of files
 * with such names (1.75.2: it fails to open them, or leaves them out without a word).
 */
export function hasLookAlike(path: string): boolean {
  return /[\u201b\u2400-\u2421\uff0f]|(?:^|\/)\uff0e{1,2}(?:\/|$)/.test(path);
}

function originalOf(char: string): string | undefined {
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0x2400 && code < 0x2420) return String.fromCodePoint(code - 0x2400);
  if (code === 0x2421) return '\u007f';
  if (code === 0xff0f) return '/';
  return undefined;
}

/** How a conflict copy says where its content comes from: this machine, or the cloud. */
export function machineName(): string {
  const clean = hostname()
    .replace(/\..*$/, '')
    .replace(/[^\p{L}\p{N}_-]+/gu, '-')
    .slice(0, 32);
  return clean === '' ? 'this-machine' : clean;
}

/** `notes/a (conflict laptop 2026-11-22 1).md`: the folder and the extension stay. */
export function conflictPath(path: string, machine: string, nowMs: number, number: number): string {
  return besideWith(path, ` (conflict ${machine} ${localDate(nowMs)} ${number})`);
}

function besideWith(path: string, suffix: string): string {
  const slash = path.lastIndexOf('/') + 1;
  const name = path.slice(slash);
  // A leading dot is part of the name; `.tar.gz` loses nothing by standing before the last dot.
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  return path.slice(0, slash) + shorten(stem, suffix + extension) + suffix + extension;
}

const CONFLICT_NAME = / \(conflict ([\p{L}\p{N}_-]+) (\d{4}-\d{2}-\d{2}) \d+\)(\.[^.]*)?$/u;

/** What the name of a conflict copy says, of this machine's or another's; the opposite of `conflictPath`. */
export function originalOfConflict(
  copy: string,
): { path: string; machine: string; date: string } | undefined {
  const match = CONFLICT_NAME.exec(copy);
  if (match === null) return undefined;
  const [whole, machine = '', date = '', extension = ''] = match;
  return { path: copy.slice(0, -whole.length) + extension, machine, date };
}

/** `notes/a (laptop 2026-11-22).md`: a name for a conflict copy that is to stay. */
export function keptPath(path: string, machine: string, date: string, number: number): string {
  return besideWith(path, ` (${machine} ${date}${number === 1 ? '' : ` ${number}`})`);
}

/** File systems end a name at 255 bytes; the suffix must fit. */
function shorten(stem: string, rest: string): string {
  const room = 255 - Buffer.byteLength(rest);
  let short = '';
  let used = 0;
  for (const char of stem) {
    used += Buffer.byteLength(char);
    if (used > room) break;
    short += char;
  }
  return short;
}

function localDate(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
