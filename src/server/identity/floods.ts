import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit } from '../domain/audit.ts';

type Flood = 'LoginFailedEvent' | 'AuthorizationDeniedEvent';

/** So many different subjects are told apart until the next write; the rest is counted as one. */
const SUBJECTS = 1000;

/**
 * Refusals for the audit trail, counted and written once a minute: were each one a row of its own,
 * an attack would queue up at the chain, and everybody behind it.
 */
export class Floods {
  readonly #db: Database;
  readonly #clock: Clock;
  #counts = new Map<string, number>();
  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** `subject`: the user or credential that it is about, if it is known to exist. */
  note(type: Flood, subject: string | undefined, reason: string): void {
    const exact = JSON.stringify([type, subject ?? null, reason]);
    const rest = JSON.stringify([type, null, reason]);
    const key = this.#counts.has(exact) || this.#counts.size < SUBJECTS ? exact : rest;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** Writes what was counted since the last time. */
  async write(): Promise<void> {
    const counts = this.#counts;
    if (counts.size === 0) return;
    this.#counts = new Map();
    await this.#db.transaction().execute(async (transaction) => {
      for (const [key, attempts] of counts) {
        const [type, subject, reason] = JSON.parse(key) as [Flood, string | null, string];
        await recordAudit(transaction, this.#clock, {
          type,
          actor: 'server',
          ...(subject === null ? {} : { subjectId: subject }),
          data: { attempts, reason },
        });
      }
    });
  }
}
