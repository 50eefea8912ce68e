import { textWidth } from './table.ts';

interface Screen {
  write(text: string): unknown;
  columns?: number | undefined;
  rows?: number | undefined;
}

/** Draws a text on a terminal again and again in the same place. The cursor is hidden meanwhile. */
export class Repaint {
  readonly #screen: Screen;
  /** Rows of the screen that were drawn last. */
  #height = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** What does not fit on the screen is left out at its end: it could not be drawn over. */
  draw(text: string): void {
    const { columns = 80, rows = 24 } = this.#screen;
    const shown: string[] = [];
    let height = 0;
    for (const line of text.split('\n')) {
      const more = Math.max(1, Math.ceil(textWidth(line) / columns));
      if (height + more >= rows) break;
      shown.push(line);
      height += more;
    }
    const hide = this.#height === 0 ? '\u001b[?25l' : '';
    this.#screen.write(`${hide}${this.#erase()}${shown.join('\n')}\n`);
    this.#height = height;
  }

  /** Leaves what was drawn last, or with `clear` nothing. */
  end(clear = false): void {
    if (this.#height === 0) return;
    this.#screen.write(`${clear ? this.#erase() : ''}\u001b[?25h`);
    this.#height = 0;
  }

  #erase(): string {
    return this.#height === 0 ? '' : `\u001b[${this.#height}A\u001b[J`;
  }
}
