import type { Clock } from '../../platform/clock.ts';
import { HttpProblem } from '../errors.ts';

const MINUTE_MS = 60_000;
const KEPT = 100_000;

/**
 * How many requests a credential may send a minute, as many at once (generic cell rate algorithm). In
 * the memory of each server process: to count in the database would cost a write a request.
 */
export class RequestRate {
  readonly #clock: Clock;
  /** 0: any number. */
  readonly #aMinute: number;
  /** When each would have nothing counted any more. */
  readonly #emptyAt = new Map<string, number>();

  constructor(clock: Clock, aMinute: number) {
    this.#clock = clock;
    this.#aMinute = aMinute;
  }

  /** @throws HttpProblem 429 `too-many-requests` with `limit` and `Retry-After` */
  take(credential: string): void {
    if (this.#aMinute === 0) return;
    const now = this.#clock.now();
    const next = Math.max(this.#emptyAt.get(credential) ?? 0, now) + MINUTE_MS / this.#aMinute;
    const wait = next - now - MINUTE_MS;
    if (wait > 0) throw this.#tooMany(wait);
    if (this.#emptyAt.size >= KEPT) this.#forget(now);
    this.#emptyAt.set(credential, next);
  }

  #forget(now: number): void {
    for (const [credential, at] of this.#emptyAt) {
      if (at <= now) this.#emptyAt.delete(credential);
    }
  }

  #tooMany(waitMs: number): HttpProblem {
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    return new HttpProblem(429, 'too-many-requests', 'There were too many requests.', {
      detail: `At most ${this.#aMinute} a minute. Try again in ${seconds} s.`,
      limit: this.#aMinute,
      headers: { 'retry-after': String(seconds) },
    });
  }
}
