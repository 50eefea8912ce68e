import { mergeRanges, withoutRange, type CodeRange, type GlobPart } from './ignore-pattern.ts';
import type { IgnoreRule } from './path-filter.ts';

/** A rule's language, in names as rclone shows them. */
export interface ShownPattern {
  /** Names at any depth below `base`; otherwise whole paths. */
  anyDepth: boolean;
  base: readonly GlobPart[];
  glob: readonly GlobPart[];
}

/** Undefined for a rule that matches nothing. */
export function shownPattern({ glob, anyDepth, base }: IgnoreRule): ShownPattern | undefined {
  if (glob === undefined) return undefined;
  const chars = Array.from(base, (char): GlobPart => charPart(char.codePointAt(0) ?? 0));
  return { anyDepth, base: shownParts(chars), glob: shownParts(glob) };
}

/** As a whole path. */
export function wholePath({ anyDepth, base, glob }: ShownPattern): GlobPart[] {
  return [...base, ...(anyDepth ? [{ type: 'folders' } as const] : []), ...glob];
}

/** As rclone shows names; see `encodeRcloneName`. */
function shownParts(parts: readonly GlobPart[]): GlobPart[] {
  return parts.map((part): GlobPart => {
    if (part.type === 'set') return { type: 'set', ranges: shownRanges(part.ranges) };
    if (part.type !== 'char') return part;
    const ranges = shownRanges([[part.code, part.code]]);
    const [only] = ranges;
    return only !== undefined && ranges.length === 1 && only[0] === only[1]
      ? charPart(only[0])
      : { type: 'set', ranges };
  });
}

const CONTROL: CodeRange = [0, 0x1f];
const DELETE: CodeRange = [0x7f, 0x7f];
/** Stand for other characters. Names that really have them are left out before. */
const LOOK_ALIKES: readonly CodeRange[] = [
  [0x201b, 0x201b],
  [0x2400, 0x2421],
  [0xff0f, 0xff0f],
];

function shownRanges(ranges: readonly CodeRange[]): CodeRange[] {
  let plain = [...ranges];
  for (const range of [CONTROL, DELETE, ...LOOK_ALIKES]) plain = withoutRange(plain, range);
  const shifted = ranges.flatMap(([first, last]): CodeRange[] => [
    [Math.max(first, 0) + 0x2400, Math.min(last, 0x1f) + 0x2400],
    ...(first <= 0x7f && last >= 0x7f ? [[0x2421, 0x2421] as const] : []),
  ]);
  return mergeRanges([...plain, ...shifted]);
}

function charPart(code: number): GlobPart {
  return { type: 'char', code };
}
