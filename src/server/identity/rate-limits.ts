import { isIPv6 } from 'node:net';
import { sql } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';

const MINUTE = 60_000;

/** `burst` at once, and so many again in `perMs`. */
const LIMITS = {
  /** Sign-ins of one user, whether they succeed or not; each costs a slow hash. */
  'sign-ins': { burst: 120, perMs: MINUTE },
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

/**
 * Limits by the generic cell rate algorithm: per key one number, the time at which it is empty
 * again. In the database, so that they hold for all server processes together and over a restart.
 */
export class RateLimits {
  readonly #db: Database;
  readonly #clock: Clock;
  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * Counts one try.
   *
   * @throws HttpProblem 429 `too-many-tries` with `limit` and `Retry-After`
   */
  async take(name: LimitName, key: string): Promise<void> {
    const { burst, perMs } = LIMITS[name];
    const step = Math.ceil(perMs / burst);
    const now = this.#clock.now();
    // One statement decides and counts, so that many at the same moment are counted one by one.
    const { numInsertedOrUpdatedRows = 0n } = await this.#db
      .insertInto('rate_limits')
      .values({ key: `${name} ${key}`, empty_at: now + step })
      .onConflict((conflict) =>
        conflict
          .column('key')
          .doUpdateSet({
            empty_at: sql<number>`case when rate_limits.empty_at > ${now}
              then rate_limits.empty_at else ${now} end + ${step}`,
          })
          .where('rate_limits.empty_at', '<=', now + perMs - step),
      )
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows > 0n) return;
    await this.check(name, key);
    // Room has just been made by somebody else.
    throw tooMany(name, 0);
  }

  /** @throws HttpProblem 429, without counting */
  async check(name: LimitName, key: string): Promise<void> {
    const { burst, perMs } = LIMITS[name];
    const row = await this.#db
      .selectFrom('rate_limits')
      .select('empty_at')
      .where('key', '=', `${name} ${key}`)
      .executeTakeFirst();
    const now = this.#clock.now();
    const wait = Math.max(row?.empty_at ?? 0, now) + Math.ceil(perMs / burst) - now - perMs;
    if (wait > 0) throw tooMany(name, wait);
  }

  /** What was counted was no misuse after all. */
  async giveBack(name: LimitName, key: string): Promise<void> {
    const { burst, perMs } = LIMITS[name];
    await this.#db
      .updateTable('rate_limits')
      .set((column) => ({ empty_at: column('empty_at', '-', Math.ceil(perMs / burst)) }))
      .where('key', '=', `${name} ${key}`)
      .execute();
  }

  /** @returns how many keys have nothing counted any more */
  async forgetOld(): Promise<number> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('rate_limits')
      .where('empty_at', '<', this.#clock.now())
      .executeTakeFirst();
    return Number(numDeletedRows);
  }
}

function tooMany(name: LimitName, waitMs: number): HttpProblem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new HttpProblem(429, 'too-many-tries', 'There were too many tries.', {
    detail: `Try again in ${seconds} s.`,
    limit: LIMITS[name].burst,
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
