/** Boxes on a grid and the arrows between neighbours, for light and dark pages. */

interface Box {
  id: string;
  /** Which column and row, and over how many rows. */
  at: [column: number, row: number];
  rows?: number;
  title: string;
  lines: readonly string[];
  /** Keeps what is dear; the others come and go. */
  keeps?: boolean;
}

interface Arrow {
  from: string;
  to: string;
  /** Above the line, or at its right. */
  does: string;
  /** Below the line, or under the first text. */
  also?: string;
  bothWays?: boolean;
}

export interface Diagram {
  /** What a person reads who does not see it. */
  says: string;
  boxes: readonly Box[];
  arrows: readonly Arrow[];
  /** A frame around columns, from the first on. */
  frame: { title: string; columns: number };
}

const COLUMNS = [
  { x: 32, width: 176 },
  { x: 292, width: 216 },
  { x: 684, width: 216 },
] as const;
const ROW = { top: 58, height: 76, gap: 44 };
const EDGE = 16;
const STYLE = `
    .paper { fill: #ffffff; stroke: #d1d9e0; }
    .frame { fill: #f6f8fa; stroke: #d1d9e0; stroke-dasharray: 4 4; }
    .box { fill: #ddf4ff; stroke: #0969da; }
    .keeps { fill: #dafbe1; stroke: #1a7f37; }
    .line { stroke: #59636e; stroke-width: 1.5; }
    .head { fill: #59636e; }
    text { fill: #1f2328; font: 13px system-ui, sans-serif; }
    .title { font-weight: 600; font-size: 14px; }
    .small { fill: #59636e; font-size: 12px; }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #0d1117; stroke: #3d444d; }
      .frame { fill: #151b23; stroke: #3d444d; }
      .box { fill: #10243e; stroke: #4493f8; }
      .keeps { fill: #12261e; stroke: #3fb950; }
      .line { stroke: #9198a1; }
      .head { fill: #9198a1; }
      text { fill: #f0f6fc; }
      .small { fill: #9198a1; }
    }`;

interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

function placeOf({ at: [column, row], rows = 1 }: Box): Place {
  const { x, width } = COLUMNS[column] ?? COLUMNS[0];
  const step = ROW.height + ROW.gap;
  return { x, y: ROW.top + row * step, width, height: rows * step - ROW.gap };
}

/** @returns an SVG document; the same for the same diagram */
export function drawDiagram({ says, boxes, arrows, frame }: Diagram): string {
  const places = new Map(boxes.map((box) => [box.id, placeOf(box)]));
  const all = [...places.values()];
  const width = Math.max(...all.map((place) => place.x + place.width)) + 2 * EDGE;
  const height = Math.max(...all.map((place) => place.y + place.height)) + 2 * EDGE;
  const inner = COLUMNS[frame.columns - 1] ?? COLUMNS[0];
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `  <title>${escape(says)}</title>`,
    `  <style>${STYLE}\n  </style>`,
    '  <defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>',
    `  <rect class="paper" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    `  <rect class="frame" x="${EDGE}" y="${EDGE}" width="${inner.x + inner.width}" height="${height - 2 * EDGE}" rx="8"/>`,
    `  <text class="small" x="${2 * EDGE}" y="${EDGE + 22}">${escape(frame.title)}</text>`,
    ...arrows.flatMap((arrow) => drawArrow(arrow, places)),
    ...boxes.flatMap((box) => drawBox(box, placeOf(box))),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function drawBox({ title, lines, keeps }: Box, { x, y, width, height }: Place): string[] {
  const middle = x + width / 2;
  const first = y + height / 2 + 5 - (lines.length * 18) / 2;
  return [
    `  <rect class="${keeps === true ? 'keeps' : 'box'}" x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>`,
    `  <text class="title" x="${middle}" y="${first}" text-anchor="middle">${escape(title)}</text>`,
    ...lines.map(
      (line, index) =>
        `  <text class="small" x="${middle}" y="${first + (index + 1) * 18}" text-anchor="middle">${escape(line)}</text>`,
    ),
  ];
}

function drawArrow(arrow: Arrow, places: ReadonlyMap<string, Place>): string[] {
  const [from, to] = [places.get(arrow.from), places.get(arrow.to)];
  if (from === undefined || to === undefined) throw new Error(`${arrow.from} → ${arrow.to}?`);
  const across = from.x !== to.x;
  // Between two of different height it stays with the lower one.
  const y = Math.min(from.height, to.height) === from.height ? from : to;
  const line = across
    ? {
        ...{ x1: from.x + from.width + 4, y1: y.y + y.height / 2 },
        ...{ x2: to.x - 4, y2: y.y + y.height / 2 },
      }
    : {
        ...{ x1: from.x + from.width / 2, y1: from.y + from.height + 4 },
        ...{ x2: to.x + to.width / 2, y2: to.y - 4 },
      };
  const middle = { x: (line.x1 + line.x2) / 2, y: (line.y1 + line.y2) / 2 };
  const label = (text: string | undefined, below: boolean): string[] => {
    if (text === undefined) return [];
    const at = across
      ? `x="${middle.x}" y="${middle.y + (below ? 18 : -8)}" text-anchor="middle"`
      : `x="${middle.x + 10}" y="${middle.y + (below ? 16 : 0)}"`;
    return [`  <text class="small" ${at}>${escape(text)}</text>`];
  };
  const start = arrow.bothWays === true ? ' marker-start="url(#head)"' : '';
  return [
    `  <line class="line" x1="${line.x1}" y1="${line.y1}" x2="${line.x2}" y2="${line.y2}" marker-end="url(#head)"${start}/>`,
    ...label(arrow.does, false),
    ...label(arrow.also, true),
  ];
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
