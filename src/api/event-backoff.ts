import type { CloseReason } from './event-stream-end.ts';

/** First and longest pause in milliseconds. */
const PAUSES: Record<CloseReason, readonly [first: number, longest: number] | undefined> = {
  slept: [0, 0],
  cut: [500, 60_000],
  silent: [500, 60_000],
  network: [1000, 60_000],
  unavailable: [1000, 60_000],
  // Whoever is let in again should not wait for long.
  denied: [2000, 30_000],
  // What only changes when a person does something is asked for seldom.
  auth: [60_000, 900_000],
  buffered: [60_000, 900_000],
  garbled: [30_000, 600_000],
  'not-our-server': [30_000, 600_000],
  'not-offered': undefined,
};

/** How long to wait before the next connection: exponential, with jitter, never all at once. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;
  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * @param held whether the connection that ended was a good one
   * @param askedMs what the server asked for; never less than that
   * @returns milliseconds, or null when there is no point in trying again
   */
  next(
    reason: CloseReason,
    { held, askedMs = 0 }: { held: boolean; askedMs?: number | undefined },
  ): number | null {
    const pauses = PAUSES[reason];
    if (pauses === undefined) return null;
    if (held) this.#failures = 0;
    const [first, longest] = pauses;
    const pause = Math.min(first * 2 ** Math.min(this.#failures, 20), longest);
    this.#failures += 1;
    // Between half and all of it; what was asked for is only ever lengthened.
    const jitter = 0.5 + this.#random() / 2;
    return Math.round(Math.max(pause * jitter, askedMs * (1 + this.#random() / 2)));
  }
}
