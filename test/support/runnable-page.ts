/** A shell block of a page that is marked to be run, and what must come of it. */
export interface RunnableBlock {
  /** Where it begins, counted from 1. */
  line: number;
  script: string;
  /** It goes on while the page is read: a server, a watcher. */
  background: boolean;
  /** Lines that must be among what it writes, in this order; `…` stands for anything within a line. */
  printed: readonly string[];
}

const FENCE = /^```(\S*)(?: (.*))?$/;

/**
 * The blocks of a Markdown page marked "sh run" or "sh run background", each with the lines of the
 * block marked "text printed" that follows it, if one does.
 */
export function runnableBlocks(page: string): RunnableBlock[] {
  const blocks: RunnableBlock[] = [];
  const lines = page.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const [, language, mark] = FENCE.exec(lines[at] ?? '') ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf('```', at + 1);
    if (end === -1) throw new Error(`The block of line ${at + 1} has no end.`);
    const body = lines.slice(at + 1, end);
    const last = blocks.at(-1);
    if (language === 'sh' && (mark === 'run' || mark === 'run background')) {
      const background = mark === 'run background';
      blocks.push({ line: at + 1, script: body.join('\n'), background, printed: [] });
    } else if (language === 'text' && mark === 'printed' && last !== undefined) {
      blocks[blocks.length - 1] = { ...last, printed: body.filter((line) => line !== '') };
    } else if (mark !== undefined) {
      throw new Error(`Line ${at + 1}: a block cannot be marked "${mark}".`);
    }
    at = end;
  }
  return blocks;
}

/** @returns the first of `expected` that `output` does not hold after the ones before it */
export function missingLine(expected: readonly string[], output: string): string | undefined {
  const lines = output.split('\n');
  let from = 0;
  for (const wanted of expected) {
    const parts = wanted
      .split('…')
      .map((part) => part.trimEnd().replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
    const pattern = new RegExp(`^${parts.join('.*')}\\s*$`);
    const at = lines.findIndex((line, index) => index >= from && pattern.test(line));
    if (at === -1) return wanted;
    from = at + 1;
  }
  return undefined;
}
