import * as z from 'zod/mini';
import type { Clock } from '../../platform/clock.ts';
import { HttpProblem } from '../errors.ts';

const MINUTE_MS = 60_000;
const KEPT = 100_000;
/** What has used less than this part of its minute is not worth a word to the others. */
const TOLD_FROM = 1 / 20;
/** A notification of PostgreSQL takes 8000 bytes. */
const PAYLOAD_BYTES = 7500;

const Told = z.tuple([z.string(), z.array(z.tuple([z.string(), z.number()]))]);

/**
 * How many requests a credential may send a minute, as many at once (generic cell rate algorithm). In
 * memory, for to count in the database would cost a write a request. Several processes tell each
 * other what they have counted, once a second: together they let through what one would, and what
 * comes in that second. Until a process has seen a twentieth of the limit it keeps it to itself.
 */
export class RequestRate {
  readonly #clock: Clock;
  /** 0: any number. */
  readonly #aMinute: number;
  /** This process among those that it tells; undefined where it is alone. */
  readonly #process: string | undefined;
  /** When each would have nothing counted any more. */
  readonly #emptyAt = new Map<string, number>();
  /** What was counted here since the others were told. */
  readonly #untold = new Map<string, number>();

  constructor(clock: Clock, aMinute: number, process?: string) {
    this.#clock = clock;
    this.#aMinute = aMinute;
    this.#process = process;
  }

  /** @throws HttpProblem 429 `too-many-requests` with `limit` and `Retry-After` */
  take(credential: string): void {
    if (this.#aMinute === 0) return;
    const now = this.#clock.now();
    const next = this.#after(credential, 1, now);
    const wait = next - now - MINUTE_MS;
    if (wait > 0) throw this.#tooMany(wait);
    if (this.#emptyAt.size >= KEPT) this.#forget(now);
    this.#emptyAt.set(credential, next);
    if (this.#process === undefined) return;
    this.#untold.set(credential, (this.#untold.get(credential) ?? 0) + 1);
  }

  /** For the other processes; undefined when there is nothing to tell. What has no room waits. */
  tell(): string | undefined {
    const now = this.#clock.now();
    const told: [string, number][] = [];
    let bytes = 0;
    for (const [credential, count] of this.#untold) {
      const used = ((this.#emptyAt.get(credential) ?? 0) - now) / MINUTE_MS;
      if (used <= 0) this.#untold.delete(credential);
      if (used < TOLD_FROM) continue;
      bytes += credential.length + String(count).length + 6;
      if (bytes > PAYLOAD_BYTES) break;
      told.push([credential, count]);
      this.#untold.delete(credential);
    }
    return told.length === 0 ? undefined : JSON.stringify([this.#process, told]);
  }

  /** What another process has told. What is not understood comes from another version: nothing. */
  hear(payload: string): void {
    const told = Told.safeParse(JSON.parse(payload));
    if (!told.success || this.#aMinute === 0) return;
    const now = this.#clock.now();
    const [process, counts] = told.data;
    if (process === this.#process) return;
    for (const [credential, count] of counts) {
      const full = now + MINUTE_MS;
      this.#emptyAt.set(credential, Math.min(this.#after(credential, count, now), full));
    }
  }

  #after(credential: string, count: number, now: number): number {
    const step = MINUTE_MS / this.#aMinute;
    return Math.max(this.#emptyAt.get(credential) ?? 0, now) + count * step;
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
