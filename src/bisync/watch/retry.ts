/** First and longest wait, milliseconds. */
const WAITS = {
  offline: [1000, 60_000],
  error: [10_000, 600_000],
  /** The tenant is locked out; the event stream tells of its return, if there is one. */
  denied: [5000, 30_000],
} as const;
export type RetryKind = keyof typeof WAITS;

/** When to try again after the storage could not be reached, or a run has failed: with back-off. */
export class Retry {
  readonly #random: () => number;
  #failures = 0;
  #current: { kind: RetryKind; message: string; at: number } | undefined;
  /** A try is under way; until it has succeeded the state stays what it was. */
  #trying = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** What keeps us waiting, as a state of the pair; undefined when all is well. */
  get kind(): 'offline' | 'error' | undefined {
    const kind = this.#current?.kind;
    return kind === 'denied' ? 'error' : kind;
  }

  get message(): string {
    return this.#current?.message ?? '';
  }

  /** Until then nothing is tried; undefined when nothing has to be waited for. */
  get at(): number | undefined {
    return this.#trying ? undefined : this.#current?.at;
  }

  failed(kind: RetryKind, message: string, now: number): void {
    const [first, longest] = WAITS[kind];
    // The back-off of one cause says nothing about another.
    if (this.#current?.kind !== kind) this.#failures = 0;
    const wait = Math.min(first * 2 ** Math.min(this.#failures, 20), longest);
    this.#failures += 1;
    this.#trying = false;
    // Between half and all of it: many that were cut off together do not come back together.
    this.#current = { kind, message, at: now + Math.round(wait * (0.5 + this.#random() / 2)) };
  }

  /** Something says that it may work again. */
  soon(now: number): void {
    if (this.#current !== undefined) this.#current.at = now;
  }

  letTry(): void {
    this.#trying = true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#trying = false;
    this.#current = undefined;
  }
}
