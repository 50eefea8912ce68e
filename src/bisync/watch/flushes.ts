import type { Problem } from '../problems.ts';
import type { FlushResult } from './watcher.ts';

interface Flush {
  at: number;
  /** How many changes had gone through before. */
  before: number;
  tries: number;
  done: (result: FlushResult) => void;
  fail: (error: Error) => void;
}

/** A file that changes each time it is looked at does not keep a flush waiting for ever. */
const TRIES = 3;

/** Those who wait until everything that was there at their call is on both sides. */
export class Flushes {
  readonly #now: () => number;
  readonly #waiting = new Set<Flush>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param changes how many went through so far */
  add(changes: number, signal: AbortSignal | undefined): Promise<FlushResult> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const end = (): void => {
        this.#waiting.delete(flush);
        signal?.removeEventListener('abort', aborted);
      };
      const flush: Flush = {
        ...{ at: this.#now(), before: changes, tries: 0 },
        done: (result) => {
          end();
          resolve(result);
        },
        fail: (error) => {
          end();
          reject(error);
        },
      };
      const aborted = (): void => flush.fail(signal?.reason as Error);
      signal?.addEventListener('abort', aborted, { once: true });
      this.#waiting.add(flush);
    });
  }

  /**
   * A run has come to its end: it has seen everything that was there when it began.
   *
   * @param whole whether nothing has moved under it
   * @returns false when another run is needed for those who still wait
   */
  ran(run: {
    startedAt: number;
    whole: boolean;
    problems: readonly Problem[];
    openConflicts: number;
    changes: number;
  }): boolean {
    for (const flush of [...this.#waiting]) {
      if (run.startedAt < flush.at) continue;
      flush.tries += 1;
      if (!run.whole && flush.tries < TRIES) continue;
      flush.done({
        changes: run.changes - flush.before,
        durationMs: this.#now() - flush.at,
        openConflicts: run.openConflicts,
        problems: run.problems.map(({ path, message }) => ({ path, message })),
      });
    }
    return this.#waiting.size === 0;
  }

  fail(error: Error): void {
    for (const flush of [...this.#waiting]) flush.fail(error);
  }
}
