import type { Clock } from '../platform/clock.ts';

/** A file whose bytes are on their way. */
export interface MovingFile {
  path: string;
  direction: 'up' | 'down';
  /** Bytes so far, and of the whole. */
  bytes: number;
  size: number;
}

/** How far the execution of a plan is. */
export interface Progress {
  /** Changes, a rename counting as one. */
  changes: { done: number; total: number };
  bytes: { done: number; total: number };
  /** Over the last seconds. */
  bytesPerSecond: number;
  /** Null while nothing moves. */
  secondsLeft: number | null;
  /** What is on its way, the longest first; a few at most. */
  moving: MovingFile[];
}

/** The rate is that of this long. */
const WINDOW_MS = 5000;
const SHOWN = 3;

/**
 * Counts the bytes that a run moves while they move. A transfer that is begun anew takes back what
 * it had counted, so that the sum never passes the plan's.
 */
export class ProgressMeter {
  readonly #clock: Pick<Clock, 'now'>;
  #total = { changes: 0, bytes: 0 };
  readonly #moving = new Set<Transfer>();
  #changes = 0;
  #finishedBytes = 0;
  #samples: { at: number; bytes: number }[] = [];

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** What the plan has to do. */
  expect(total: { changes: number; bytes: number }): void {
    this.#total = total;
    this.#samples = [{ at: this.#clock.now(), bytes: 0 }];
  }

  changeDone(): void {
    this.#changes += 1;
  }

  /** A file begins to move; `end` must follow. */
  transfer(path: string, direction: 'up' | 'down', size: number): Transfer {
    const transfer = new Transfer({ path, direction, size, bytes: 0 }, (moved) => {
      this.#moving.delete(transfer);
      this.#finishedBytes += moved;
    });
    this.#moving.add(transfer);
    return transfer;
  }

  read(): Progress {
    const moving = [...this.#moving].map(({ file }) => file);
    const done = moving.reduce((sum, { bytes }) => sum + bytes, this.#finishedBytes);
    const now = this.#clock.now();
    this.#samples.push({ at: now, bytes: done });
    // The newest sample that is older than the window stays, so that the rate spans all of it.
    while ((this.#samples[1]?.at ?? Infinity) <= now - WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0] ?? { at: now, bytes: done };
    const seconds = (now - first.at) / 1000;
    const bytesPerSecond = seconds > 0 ? Math.max(0, (done - first.bytes) / seconds) : 0;
    const total = Math.max(this.#total.bytes, done);
    return {
      changes: { done: Math.min(this.#changes, this.#total.changes), total: this.#total.changes },
      bytes: { done, total },
      bytesPerSecond: Math.round(bytesPerSecond),
      secondsLeft: bytesPerSecond > 0 ? Math.ceil((total - done) / bytesPerSecond) : null,
      moving: moving.sort((a, b) => b.size - a.size).slice(0, SHOWN),
    };
  }
}

/** One file on its way. */
export class Transfer {
  readonly file: MovingFile;
  readonly #ended: (bytes: number) => void;

  constructor(file: MovingFile, ended: (bytes: number) => void) {
    this.file = file;
    this.#ended = ended;
  }

  moved(bytes: number): void {
    this.file.bytes += bytes;
  }

  /** It is sent or fetched once more from its start. */
  again(): void {
    this.file.bytes = 0;
  }

  /** `whole`: it arrived; otherwise its bytes do not count. */
  end(whole: boolean): void {
    this.#ended(whole ? this.file.size : 0);
  }
}
