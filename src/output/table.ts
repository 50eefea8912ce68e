import { stripVTControlCharacters } from 'node:util';
import { wrap } from './format.ts';

export type Cell = string | number | boolean | null | undefined;
export type Row = Record<string, Cell>;

export interface Column {
  key: string;
  title: string;
  align?: 'left' | 'right';
  /** Left out where the table would be cut otherwise, the last such column first. */
  ifRoom?: boolean;
  /** To be copied, so half of it is of no use: cut only when nothing else is left. */
  whole?: boolean;
}

/** Width of a text on a terminal, near enough: code points, wide East Asian ones and emoji as two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const char of stripVTControlCharacters(text)) {
    const code = char.codePointAt(0) ?? 0;
    if (/\p{Mn}|\p{Me}|\u200d|\ufe0f/u.test(char)) continue;
    width +=
      (code >= 0x1100 && code <= 0x115f) ||
      (code >= 0x2e80 && code <= 0xa4cf) ||
      (code >= 0xac00 && code <= 0xd7a3) ||
      (code >= 0xf900 && code <= 0xfaff) ||
      (code >= 0xff00 && code <= 0xff60) ||
      code >= 0x1f300
        ? 2
        : 1;
  }
  return width;
}

/** Cut to `width` columns, for a text without colours. What would move the cursor becomes `?`. */
export function fitText(text: string, width: number): string {
  const clean = text.replace(/\p{Cc}/gu, '?');
  if (textWidth(clean) <= width) return clean;
  let cut = '';
  for (const char of clean) {
    if (textWidth(cut + char) >= width) break;
    cut += char;
  }
  return `${cut}…`;
}

/** A table for people: titles, columns aligned, cut at `width` so that no row wraps. */
export function formatTable(rows: readonly Row[], columns: readonly Column[], width = 80): string {
  const cells = rows.map((row) => columns.map((column) => cellText(row[column.key])));
  const widths = columns.map((column, index) =>
    Math.max(textWidth(column.title), ...cells.map((line) => textWidth(line[index] ?? ''))),
  );
  if (overBy(widths, width) > 0) {
    const spare = columns.findLastIndex(({ ifRoom }) => ifRoom === true);
    if (spare >= 0) return formatTable(rows, columns.toSpliced(spare, 1), width);
  }
  shrinkToFit(widths, cells, { width, columns });
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => pad(text, widths[index] ?? 0, columns[index]?.align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [line(columns.map((column) => column.title)), ...cells.map(line)].join('\n');
}

/** Tab-separated with a header, for pipes; control characters inside a cell become spaces. */
export function formatTsv(rows: readonly Row[], columns: readonly Column[]): string {
  const clean = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');
  return [
    columns.map((column) => column.key).join('\t'),
    ...rows.map((row) => columns.map((column) => clean(cellText(row[column.key]))).join('\t')),
  ].join('\n');
}

/** `label  value` lines, labels aligned; rows without a value are left out, long ones broken. */
export function formatFields(
  fields: readonly (readonly [string, Cell])[],
  lineWidth = Infinity,
): string {
  const shown = fields.filter(([, value]) => value !== undefined && value !== null && value !== '');
  const width = Math.max(0, ...shown.map(([label]) => textWidth(label)));
  return shown
    .map(([label, value]) => {
      const lines = wrap(cellText(value), lineWidth - width - 2);
      return `${pad(label, width, 'left')}  ${lines.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`;
    })
    .join('\n');
}

function cellText(value: Cell): string {
  return value === undefined || value === null ? '' : String(value);
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const cut = textWidth(text) > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
  const space = ' '.repeat(Math.max(0, width - textWidth(cut)));
  return align === 'right' ? space + cut : cut + space;
}

/**
 * Takes from the widest column first, down to eight characters each, to five where that is not enough; from numbers and times only
 * when nothing else is left, for half of one tells nothing.
 */
function shrinkToFit(
  widths: number[],
  cells: readonly (readonly string[])[],
  { width, columns }: { width: number; columns: readonly Column[] },
): void {
  const rigid = columns.map(
    ({ whole = false }, index) =>
      whole || cells.every((line) => NUMBER_OR_TIME.test(line[index] ?? '')),
  );
  const floors = [
    { floor: 16, all: false },
    { floor: 8, all: false },
    { floor: 8, all: true },
    { floor: 5, all: true },
  ];
  for (const { floor, all } of floors) {
    for (;;) {
      const over = overBy(widths, width);
      if (over <= 0) return;
      const may = widths.filter((each, index) => each > floor && (all || rigid[index] !== true));
      if (may.length === 0) break;
      const widest = Math.max(...may);
      const index = widths.findIndex((each, at) => each === widest && (all || rigid[at] !== true));
      widths[index] = Math.max(floor, widest - over);
    }
  }
}

function overBy(widths: readonly number[], width: number): number {
  return widths.reduce((sum, each) => sum + each, 2 * (widths.length - 1)) - width;
}

const NUMBER_OR_TIME = /^$|^never$|^\d[\d:. -]*( [A-Za-z]+)?$/;
