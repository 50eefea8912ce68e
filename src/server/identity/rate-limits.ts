import { isIPv6 } from 'node:net';
import type { Clock } from '../../platform/clock.ts';
import { HttpProblem } from '../errors.ts';

const MINUTE = 60_000;

/** `burst` at once, and so many again in `perMs`. */
const LIMITS = {
  /** Sign-ins that failed, from one address. */
  'sign-in-address': { burst: 30, perMs: 10 * MINUTE },
  /** Sign-ins that failed, for one user name, whether it exists or not. */
  'sign-in-account': { burst: 10, perMs: 15 * MINUTE },
  /** RFC 8628 §5.1: five tries at codes of 34 bits while they live. */
  'user-code-address': { burst: 5, perMs: 10 * MINUTE },
  /** From anywhere: an attacker with many addresses stays in the dark too. */
  'user-code-all': { burst: 500, perMs: 10 * MINUTE },
  /** Decisions on devices by one user. */
  'device-account': { burst: 20, perMs: 10 * MINUTE },
  /** New device codes for one address. */
  'device-code-address': { burst: 30, perMs: 10 * MINUTE },
  /** Refreshes of one session; one needs a refresh in ten minutes. */
  refresh: { burst: 60, perMs: 10 * MINUTE },
  /** What the token endpoint refused, by address. */
  'token-address': { burst: 120, perMs: 10 * MINUTE },
} as const;
export type LimitName = keyof typeof LIMITS;

const KEPT = 100_000;

/**
 * Limits by the generic cell rate algorithm: per key one number, the time at which it is empty
 * again. In memory: a restart forgives, and of several processes each counts for itself
 * (docs/adr/0015-identity.md).
 */
export class RateLimits {
  readonly #clock: Clock;
  readonly #emptyAt = new Map<string, number>();
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts one try.
   *
   * @throws HttpProblem 429 `too-many-tries` with `Retry-After`
   */
  take(name: LimitName, key: string): void {
    const wait = this.#wait(name, key);
    if (wait > 0) throw tooMany(wait);
    const { step, now, at } = this.#state(name, key);
    this.#set(`${name} ${key}`, Math.max(at, now) + step);
  }

  /** @throws HttpProblem 429, without counting */
  check(name: LimitName, key: string): void {
    const wait = this.#wait(name, key);
    if (wait > 0) throw tooMany(wait);
  }

  /** What was counted was no misuse after all. */
  giveBack(name: LimitName, key: string): void {
    const { step, at } = this.#state(name, key);
    if (at > 0) this.#set(`${name} ${key}`, at - step);
  }

  /** Milliseconds until one more is allowed; 0: now. */
  #wait(name: LimitName, key: string): number {
    const { step, now, at } = this.#state(name, key);
    const { perMs } = LIMITS[name];
    return Math.max(0, Math.max(at, now) + step - now - perMs);
  }

  #state(name: LimitName, key: string): { step: number; now: number; at: number } {
    const { burst, perMs } = LIMITS[name];
    const at = this.#emptyAt.get(`${name} ${key}`) ?? 0;
    return { step: perMs / burst, now: this.#clock.now(), at };
  }

  #set(key: string, at: number): void {
    this.#emptyAt.delete(key);
    this.#emptyAt.set(key, at);
    if (this.#emptyAt.size <= KEPT) return;
    const now = this.#clock.now();
    for (const [each, until] of this.#emptyAt) {
      if (until <= now) this.#emptyAt.delete(each);
    }
    // Still full: the oldest goes; an attack from that many addresses has others to hide among.
    for (const each of this.#emptyAt.keys()) {
      if (this.#emptyAt.size <= KEPT) return;
      this.#emptyAt.delete(each);
    }
  }
}

function tooMany(waitMs: number): HttpProblem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new HttpProblem(429, 'too-many-tries', 'There were too many tries.', {
    detail: `Try again in ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  });
}

/** What counts as one place: an IPv4 address, or the /64 that one customer has of IPv6. */
export function placeOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
