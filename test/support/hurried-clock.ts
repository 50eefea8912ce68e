import { systemClock, type Clock } from '../../src/platform/clock.ts';

/** The true time, but whoever sleeps wakes after a fiftieth of it. */
export function hurriedClock(): Clock {
  return { now: systemClock.now, sleep: (ms, signal) => systemClock.sleep(ms / 50, signal) };
}
