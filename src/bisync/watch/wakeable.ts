import { pause } from '../../api/event-connection.ts';
import type { Clock } from '../../platform/clock.ts';

/** Sleep that something may end. */
export class Wakeable {
  readonly #clock: Clock;
  #awake = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the sleep, or the next one if nobody sleeps. */
  wake(): void {
    this.#awake.abort();
  }

  /**
   * Until `until`, or until somebody wakes; null: only then.
   *
   * @returns `slept` when the machine itself slept meanwhile
   */
  async sleep(until: number | null): Promise<'awake' | 'slept'> {
    const { signal } = this.#awake;
    try {
      for (;;) {
        const left = (until ?? Infinity) - this.#clock.now();
        if (left <= 0) return 'awake';
        if ((await pause(this.#clock, left, signal)) === 'slept') return 'slept';
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      return 'awake';
    } finally {
      if (signal.aborted) this.#awake = new AbortController();
    }
  }
}
