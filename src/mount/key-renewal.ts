import type { Clock } from '../platform/clock.ts';
import type { BucketAccess } from '../session/bucket-access.ts';

export interface KeySource {
  /** The stored keys; another process may have replaced them. Offline. */
  stored: () => Promise<BucketAccess>;
  /** Keys that the server vouches for: the stored ones while it knows them, else new ones. */
  renewed: () => Promise<BucketAccess>;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** So many new keys in an hour, and no more, whatever happens. */
const MOST_AN_HOUR = 3;
/** Keys that the storage goes on refusing, or a server out of reach, are asked for ever less often. */
const LONGEST_WAIT_MS = 60 * MINUTE_MS;

/**
 * Gets a mount other keys when its own are refused or end soon, without ever asking in a loop: what
 * the server hands out may be refused too.
 */
export class KeyRenewal {
  readonly #clock: Clock;
  readonly #source: KeySource;
  readonly #issued: number[] = [];
  #waitMs = 0;
  #notBefore = 0;
  /** How long the present keys had when they were first seen. */
  #life: { credentialId: string; ms: number } | undefined;

  constructor(clock: Clock, source: KeySource) {
    this.#clock = clock;
    this.#source = source;
  }

  /** Keys end within a day, or, those of a short life, within a third of it. */
  endsSoon(credentialId: string | null, expiresAt: string | null): 'no' | 'soon' | 'now' {
    if (expiresAt === null || credentialId === null) return 'no';
    const left = Date.parse(expiresAt) - this.#clock.now();
    if (this.#life?.credentialId !== credentialId) this.#life = { credentialId, ms: left };
    const lead = Math.min(DAY_MS, this.#life.ms / 3);
    if (left > lead) return 'no';
    return left > lead / 4 ? 'soon' : 'now';
  }

  /** The wait is over: a person, an event or a network says that it is worth another look. */
  retrySoon(): void {
    this.#notBefore = 0;
  }

  /**
   * Keys other than these, if there are any to be had now. `error` says why there are none.
   */
  async other(
    credentialId: string | null,
  ): Promise<{ keys: BucketAccess | undefined; error?: unknown }> {
    const stored = await this.#source.stored().catch(() => undefined);
    if (stored !== undefined && stored.credentialId !== credentialId) return { keys: stored };
    const now = this.#clock.now();
    // A clock that was set back must not make the wait endless.
    if (now < this.#notBefore && this.#notBefore - now <= LONGEST_WAIT_MS)
      return { keys: undefined };
    while (this.#issued.length > 0 && now - (this.#issued[0] ?? 0) > 60 * MINUTE_MS) {
      this.#issued.shift();
    }
    if (this.#issued.length >= MOST_AN_HOUR) return { keys: undefined };
    this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.max(MINUTE_MS, this.#waitMs * 2));
    this.#notBefore = now + this.#waitMs;
    try {
      const renewed = await this.#source.renewed();
      if (renewed.credentialId === credentialId) return { keys: undefined };
      this.#issued.push(now);
      return { keys: renewed };
    } catch (error) {
      return { keys: undefined, error };
    }
  }

  /** The present keys work: the next trouble is a new one. */
  worked(): void {
    this.#waitMs = 0;
  }
}
