import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { HELP_TOPICS, showTopic } from '../../../src/output/help-topics.ts';
import { renderMarkdown } from '../../../src/output/markdown.ts';
import { Output } from '../../../src/output/output.ts';
import { textWidth } from '../../../src/output/table.ts';

const root = resolve(import.meta.dirname, '../../..');

function screen(columns: number): { out: Output; said: string[] } {
  const said: string[] = [];
  const stream = { write: (text: string) => said.push(text), columns, rows: 40, isTTY: true };
  const out = new Output({
    ...{ format: 'table', quiet: false, verbose: false, color: false, animated: false },
    ...{ interactive: false, stdout: stream, stderr: stream },
  });
  return { out, said };
}

const cases = HELP_TOPICS.flatMap(({ name }) =>
  [60, 80].map((columns) => [name, columns] as const),
);

test.each(cases)('the page %s fits into %i columns and keeps every word', async (name, columns) => {
  const { out, said } = screen(columns);
  await showTopic(name, root, out);
  const lines = said.join('').split('\n');
  // What is to be copied is not broken.
  const prose = lines.filter((line) => !line.startsWith('  {') && !line.startsWith('  cloud '));
  expect(Math.max(...prose.map(textWidth))).toBeLessThanOrEqual(columns);
  expect(prose.join('\n')).not.toMatch(/\*\*|\]\(|^\|/m);
});

test('each cell of a table is there, in its row', () => {
  const { out } = screen(36);
  const table =
    '| a | b |\n|---|---|\n| `one` | first **word** and more of what it says |\n| two | x |';
  expect(renderMarkdown(table, out)).toBe(
    ['a    b', 'one  first word and more of what it', '     says', 'two  x'].join('\n'),
  );
});

test('entities and links read as they are meant', () => {
  const { out } = screen(80);
  expect(renderMarkdown('`~/Cloud/<tenant>` & [here](x.md), [RFC](https://rfc.example)', out)).toBe(
    '~/Cloud/<tenant> & here, RFC (https://rfc.example)',
  );
});
