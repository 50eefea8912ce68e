import { decodeRcloneName, encodeRcloneName, hasLookAlike } from './names.ts';
import type { Version } from './versions.ts';

const HEADER = '# bisync listing v1 from ';
/** flags, size, hash or `-`, id, time, quoted path */
const LINE = /^(\S) +(-?\d+) (\S+) \S+ \S+ "(.*)"$/s;
const NO_TIME = '0001-01-01T00:00:00.000000000+0000';

export interface ParsedListing {
  files: Map<string, Version>;
  /** Names that are no Unicode text, as rclone escapes them; they cannot be synced. */
  unreadableNames: string[];
}

/**
 * Parses a listing that rclone's bisync left (`.pathN.lst`, `.pathN.lst-dry`), version 1. The format
 * is documented at https://rclone.org/bisync/#bisync-listing-files only by example; the escapes are
 * those of Go's `strconv.Quote`.
 *
 * @throws UnknownListingError
 */
export function parseListing(text: string): ParsedListing {
  const lines = text.split('\n');
  if (lines.shift()?.startsWith(HEADER) !== true) throw unknownFormat('its header');
  const files = new Map<string, Version>();
  const unreadableNames: string[] = [];
  for (const line of lines) {
    if (line === '') continue;
    const match = LINE.exec(line);
    if (match === null) throw unknownFormat(`the line ${line.slice(0, 120)}`);
    const [, flags, size, hash, quoted = ''] = match;
    if (flags === 'd') continue;
    const path = unquote(quoted);
    if (path === undefined) unreadableNames.push(quoted);
    else {
      // Nearly all names are as they are shown, and a folder may hold a million of them.
      const real = hasLookAlike(path) ? path.split('/').map(decodeRcloneName).join('/') : path;
      files.set(real, { size: Number(size), md5: parseHash(hash ?? '-') });
    }
  }
  return { files, unreadableNames };
}

/** The same format, for the baseline that rclone compares with. `nowMs` stands in the header. */
export function formatListing(
  files: Iterable<readonly [string, { size: number; md5: string | null }]>,
  nowMs: number,
): string {
  const time = new Date(nowMs).toISOString().replace('Z', '000000+0000');
  const lines = [...files].map(([path, { size, md5 }]) => {
    const shown = isShownAsItIs(path) ? path : path.split('/').map(encodeRcloneName).join('/');
    const hash = md5 === null ? '-' : `md5:${md5}`;
    return { shown, line: `- ${String(size).padStart(8)} ${hash} - ${NO_TIME} ${quote(shown)}` };
  });
  lines.sort((a, b) => (a.shown < b.shown ? -1 : 1));
  return `${[HEADER + time, ...lines.map(({ line }) => line)].join('\n')}\n`;
}

function isShownAsItIs(path: string): boolean {
  return !hasLookAlike(path) && !/[\u0000-\u001f\u007f]|(?:^|\/)\.{1,2}(?:\/|$)/.test(path);
}

function parseHash(text: string): string | null {
  if (text === '-') return null;
  if (!/^md5:[0-9a-f]{32}$/.test(text)) throw unknownFormat(`the hash ${text.slice(0, 60)}`);
  return text.slice(4);
}

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

/** Undefined when the escapes spell bytes that are not UTF-8. */
function unquote(quoted: string): string | undefined {
  if (!quoted.includes('\\')) return quoted;
  const foreignBytes: number[] = [];
  const text = quoted.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g,
    (_all, byte?: string, short?: string, long?: string, simple?: string) => {
      if (byte !== undefined) {
        const code = parseInt(byte, 16);
        // Go writes ASCII control characters as \xNN too; from 0x80 on it is a byte of no character.
        if (code >= 0x80) foreignBytes.push(code);
        return String.fromCharCode(code);
      }
      const hex = short ?? long;
      if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
      return SIMPLE[simple ?? ''] ?? '';
    },
  );
  return foreignBytes.length === 0 ? text : undefined;
}

function quote(text: string): string {
  const escaped = text.replace(/["\\]/g, '\\$&');
  return `"${escaped}"`;
}

/** This rclone writes listings in a form that is not known here. */
export class UnknownListingError extends Error {
  override readonly name = 'UnknownListingError';
}

function unknownFormat(where: string): UnknownListingError {
  return new UnknownListingError(`rclone writes listings in an unknown form (${where})`);
}
