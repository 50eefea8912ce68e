import type { Clock } from '../platform/clock.ts';

/**
 * Microseconds since the epoch, strictly increasing, also when the clock stands still or steps
 * back: two versions of an object never share a stamp, so a snapshot has one answer.
 */
export class Stamps {
  readonly #clock: Clock;
  #last: number;
  constructor(clock: Clock, last: number) {
    this.#clock = clock;
    this.#last = last;
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, this.#clock.now() * 1000);
    return this.#last;
  }
}

/** Tigris names a snapshot by nanoseconds since the epoch. */
export function stampToVersion(stamp: number): string {
  return `${stamp}000`;
}

/** The stamp of a snapshot version, or undefined when it is not a decimal of nanoseconds. */
export function versionToStamp(version: string): number | undefined {
  if (!/^\d{4,19}$/.test(version)) return undefined;
  return Number(BigInt(version) / 1000n);
}

/** HTTP date, whole seconds, as in Last-Modified. */
export function httpDate(stamp: number): string {
  return new Date(Math.floor(stamp / 1e6) * 1000).toUTCString();
}

/** ISO date as S3 writes it in XML: whole seconds, so that it equals the Last-Modified header. */
export function isoDate(stamp: number): string {
  return new Date(Math.floor(stamp / 1e6) * 1000).toISOString();
}
