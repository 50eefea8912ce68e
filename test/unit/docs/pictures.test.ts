import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { ARCHITECTURE } from '../../../scripts/pictures/architecture.ts';
import { drawDiagram } from '../../../scripts/pictures/diagram.ts';
import { drawTerminal, spansOf } from '../../../scripts/pictures/svg.ts';

const ESC = '\u001b';

test('a style goes on in the next line until it is changed', () => {
  const lines = spansOf([`${ESC}[1m${ESC}[32mgreen`, `still${ESC}[39m bold${ESC}[0m plain`]);
  const look = lines.map((spans) => spans.map(({ text, color, bold }) => [text, color, bold]));
  const [[green]] = look as [[[string, string, boolean]]];
  expect(green).toEqual(['green', expect.stringMatching(/^#/), true]);
  expect(look[1]).toEqual([
    ['still', green[1], true],
    [' bold', undefined, true],
    [' plain', undefined, false],
  ]);
});

test('what is drawn is text, and no markup of its own', () => {
  const svg = drawTerminal('a & b', [`${ESC}(B<b>  x`]);
  expect(svg).toContain('<title>a\u00a0&amp;\u00a0b</title>');
  expect(svg).toContain('&lt;b&gt;\u00a0\u00a0x</text>');
});

test('the picture of the architecture is the one that the script draws', async () => {
  const path = new URL('../../../docs/pictures/architecture.svg', import.meta.url);
  expect(await readFile(path, 'utf8'), 'npm run pictures').toBe(drawDiagram(ARCHITECTURE));
});
