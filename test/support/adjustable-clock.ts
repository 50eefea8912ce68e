import { systemClock, type Clock } from '../../src/platform/clock.ts';

export interface AdjustableClock extends Clock {
  advance(ms: number): void;
}

/** The real clock, moved forward at will; sleeping costs no time beyond a turn of the loop. */
export function adjustableClock(): AdjustableClock {
  let ahead = 0;
  return {
    now: () => systemClock.now() + ahead,
    sleep: async (ms, signal) => {
      ahead += ms;
      await systemClock.sleep(0, signal);
    },
    advance: (ms) => {
      ahead += ms;
    },
  };
}
