/** What a terminal shows, drawn: text stays text, for search, screen readers and any zoom. */

interface Style {
  color: string | undefined;
  bold: boolean;
  dim: boolean;
  inverse: boolean;
}

export interface Span extends Style {
  text: string;
}

const PLAIN: Style = { color: undefined, bold: false, dim: false, inverse: false };
/** The sixteen colours by their number; of the extended ones only these are drawn. */
const COLORS = [
  ...['#484f58', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#b1bac4'],
  ...['#6e7681', '#ffa198', '#56d364', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#ffffff'],
];
const INK = '#e6edf3';
const PAPER = '#0d1117';
const CELL = { width: 8.4, height: 19 };
const MARGIN = 16;

/**
 * Reads the styles (SGR, ECMA-48 8.3.117) out of lines, each of which goes on in the style that the
 * one before ended in; whatever else is escaped is left out.
 */
export function spansOf(lines: readonly string[]): Span[][] {
  let style = PLAIN;
  return lines.map((line) => {
    const spans: Span[] = [];
    let from = 0;

    for (const escape of line.matchAll(/\u001b\[([0-9;]*)([A-Za-z])|\u001b[()][A-Z0-9]|\u000f/g)) {
      if (escape.index > from) spans.push({ ...style, text: line.slice(from, escape.index) });
      from = escape.index + escape[0].length;
      if (escape[2] === 'm') style = restyled(style, (escape[1] ?? '').split(';').map(Number));
    }
    if (from < line.length) spans.push({ ...style, text: line.slice(from) });
    return spans;
  });
}

function restyled(style: Style, codes: readonly number[]): Style {
  let now = style;
  for (const code of codes) {
    if (code === 0) now = PLAIN;
    else if (code === 1) now = { ...now, bold: true };
    else if (code === 2) now = { ...now, dim: true };
    else if (code === 22) now = { ...now, bold: false, dim: false };
    else if (code === 7) now = { ...now, inverse: true };
    else if (code === 27) now = { ...now, inverse: false };
    else if (code === 39) now = { ...now, color: undefined };
    else if (code >= 30 && code <= 37) now = { ...now, color: COLORS[code - 30] };
    else if (code >= 90 && code <= 97) now = { ...now, color: COLORS[code - 82] };
  }
  return now;
}

/** @param lines as a terminal of `columns` shows them, with escape sequences */
export function drawTerminal(title: string, lines: readonly string[], columns = 80): string {
  const width = Math.round(columns * CELL.width + 2 * MARGIN);
  const height = lines.length * CELL.height + 2 * MARGIN + 12;
  const rows = spansOf(lines).map((spans, row) => {
    const y = MARGIN + 24 + row * CELL.height;
    return `<text x="${MARGIN}" y="${y}">${spans.map(drawSpan).join('')}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="${PAPER}"/>`,
    '<g fill="#30363d"><circle cx="18" cy="16" r="5"/><circle cx="35" cy="16" r="5"/><circle cx="52" cy="16" r="5"/></g>',
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${INK}">`,
    ...rows,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function drawSpan({ text, color, bold, dim, inverse }: Span): string {
  const look = [
    color === undefined ? '' : ` fill="${color}"`,
    bold || inverse ? ' font-weight="bold"' : '',
    dim ? ' opacity="0.65"' : '',
  ].join('');
  return look === '' ? escaped(text) : `<tspan${look}>${escaped(text)}</tspan>`;
}

/** Spaces that no renderer takes together. */
function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(' ', '\u00a0');
}
