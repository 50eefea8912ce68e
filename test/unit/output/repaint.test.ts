import { expect, test } from 'vitest';
import { Repaint } from '../../../src/output/repaint.ts';

/** A terminal that understands what is written to it, as far as a repaint goes. */
class Terminal {
  readonly columns: number;
  readonly rows: number;
  lines: string[] = [''];
  cursorShown = true;
  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }
  write(text: string): void {
    for (const [token] of text.matchAll(/\u001b\[(\?25[lh]|\d+A|J)|\n|[^\n\u001b]+/g)) {
      if (token === '\n') this.lines.push('');
      else if (token === '\u001b[?25l') this.cursorShown = false;
      else if (token === '\u001b[?25h') this.cursorShown = true;
      else if (token.endsWith('A')) {
        const up = Number(token.slice(2, -1));
        expect(up).toBeLessThan(this.rows);
        this.lines = this.lines.slice(0, this.lines.length - up);
      } else if (token.endsWith('J')) this.lines[this.lines.length - 1] = '';
      else for (let at = 0; at < token.length; at += this.columns) this.#put(token, at);
    }
  }
  #put(token: string, at: number): void {
    if (at > 0) this.lines.push('');
    const last = this.lines.pop() ?? '';
    this.lines.push(last + token.slice(at, at + this.columns));
  }
}

test('what is drawn replaces what was drawn before, however long its lines', () => {
  const terminal = new Terminal(10, 8);
  terminal.write('$ cloud\n');
  const repaint = new Repaint(terminal);
  repaint.draw('one\na line that wraps twice\nthree');
  expect(terminal.lines).toEqual([
    '$ cloud',
    'one',
    'a line tha',
    't wraps tw',
    'ice',
    'three',
    '',
  ]);
  expect(terminal.cursorShown).toBe(false);
  repaint.draw('two');
  expect(terminal.lines).toEqual(['$ cloud', 'two', '']);
  repaint.draw(Array.from({ length: 30 }, (_, index) => `${index}`).join('\n'));
  expect(terminal.lines).toHaveLength(1 + 7 + 1);
  repaint.draw('last');
  repaint.end();
  expect(terminal.lines).toEqual(['$ cloud', 'last', '']);
  expect(terminal.cursorShown).toBe(true);
});

test('a bar that is done leaves nothing', () => {
  const terminal = new Terminal(80, 24);
  const repaint = new Repaint(terminal);
  repaint.draw('half');
  repaint.end(true);
  repaint.end(true);
  expect(terminal.lines).toEqual(['']);
  expect(terminal.cursorShown).toBe(true);
});
