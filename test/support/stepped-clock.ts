import type { Clock } from '../../src/platform/clock.ts';

export interface SteppedClock extends Clock {
  /** Moves the time and wakes who has slept long enough, in order; with `jump` nobody wakes. */
  advance(ms: number): void;
  /** As a machine that slept: the time is later, no timer has run. */
  jump(ms: number): void;
  /** How many sleep now. */
  readonly sleeping: number;
  /** How often somebody has gone to sleep so far. */
  readonly sleeps: number;
}

/** A clock that stands still until the test moves it. */
export function steppedClock(start = Date.parse('2026-01-01T00:00:00Z')): SteppedClock {
  let now = start;
  let sleeps = 0;
  const sleepers = new Set<{ at: number; wake: () => void }>();
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        sleeps += 1;
        const end = (done: () => void) => () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', aborted);
          done();
        };
        const sleeper = { at: now + ms, wake: end(resolve) };
        const aborted = end(() => reject(signal?.reason as Error));
        signal?.addEventListener('abort', aborted);
        sleepers.add(sleeper);
      }),
    advance: (ms) => {
      now += ms;
      for (const sleeper of [...sleepers].toSorted((a, b) => a.at - b.at)) {
        if (sleeper.at <= now) sleeper.wake();
      }
    },
    jump: (ms) => {
      now += ms;
      // Their timers stood still, so they are due as much later.
      for (const sleeper of sleepers) sleeper.at += ms;
    },
    get sleeping() {
      return sleepers.size;
    },
    get sleeps() {
      return sleeps;
    },
  };
}
