import type { CodeRange, GlobPart } from './ignore-pattern.ts';

/**
 * A pattern as the source of a regular expression that both JavaScript (flags `su`) and Go read
 * alike: ASCII signs as `\xHH`, anything else as it is.
 */
export function regexOf(parts: readonly GlobPart[]): string {
  return parts.map(partRegex).join('');
}

function partRegex(part: GlobPart): string {
  switch (part.type) {
    case 'char':
      return literal(part.code);
    case 'set':
      return setRegex(part.ranges);
    case 'star':
      return '[^/]*';
    case 'folders':
      return '(?:.*/)?';
    case 'everything':
      return '.*';
  }
}

/** One character of these; nothing at all when there are none. */
export function setRegex(ranges: readonly CodeRange[]): string {
  const shown = ranges.flatMap(withoutSurrogates).map(([first, last]) => {
    const start = literal(first);
    return first === last ? start : `${start}-${literal(last)}`;
  });
  const [only] = ranges;
  if (ranges.length === 1 && only?.[0] === only?.[1]) return shown.join('');
  // Go has no empty set; this one has nothing in it either.
  return shown.length === 0 ? `[^\\x00-${String.fromCodePoint(0x10ffff)}]` : `[${shown.join('')}]`;
}

export function textRegex(text: string): string {
  return Array.from(text, (char) => literal(char.codePointAt(0) ?? 0)).join('');
}

/** In text there are no halves of surrogate pairs, so no range begins or ends with one. */
function withoutSurrogates([first, last]: CodeRange): CodeRange[] {
  const start = first >= 0xd800 && first <= 0xdfff ? 0xe000 : first;
  const end = last >= 0xd800 && last <= 0xdfff ? 0xd7ff : last;
  return start <= end ? [[start, end]] : [];
}

function literal(code: number): string {
  const char = String.fromCodePoint(code);
  if (/[A-Za-z0-9_]/.test(char)) return char;
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : char;
}
