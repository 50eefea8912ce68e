import type { Kysely, Selectable, Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import { isPostgres } from '../db/dialect.ts';
import type { JobLeasesTable, Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import type { Job, JobReport } from './job.ts';

export type JobRow = Selectable<JobLeasesTable>;

/** Milliseconds. Whoever has not renewed its lease for so long has died. */
export const LEASE_MS = 60_000;

/**
 * Who does which job, in the table `job_leases`. A lease is taken under a row lock and holds for
 * a minute, so the clocks of the servers may differ by less than that.
 */
export class JobLeases {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #owner: string;
  /** On SQLite no other process is there, so a lease is of one that has ended. */
  readonly #alone: boolean;

  constructor(db: Database, clock: Clock, owner: string) {
    this.#db = db;
    this.#clock = clock;
    this.#owner = owner;
    this.#alone = !isPostgres(db);
  }

  /** Rows for jobs that are new; they are due at once. */
  async register(jobs: readonly Job[]): Promise<void> {
    const due_at = this.#in(0);
    await this.#db
      .insertInto('job_leases')
      .values(jobs.map(({ name }) => ({ name, due_at })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async list(): Promise<JobRow[]> {
    return this.#db.selectFrom('job_leases').selectAll().execute();
  }

  /** Takes one of these that is due and that nobody does. Those that others look at are passed by. */
  async claimDue(names: readonly string[]): Promise<string | undefined> {
    if (names.length === 0) return undefined;
    return this.#db.transaction().execute(async (transaction) => {
      const row = await this.#free(transaction)
        .where('name', 'in', names)
        .where('due_at', '<=', this.#in(0))
        .orderBy('due_at')
        .limit(1)
        .forUpdate()
        .skipLocked()
        .executeTakeFirst();
      if (row !== undefined) await this.#take(transaction, row.name);
      return row?.name;
    });
  }

  /** Takes this one, due or not. @returns false while another process does it */
  async claim(name: string): Promise<boolean> {
    return this.#db.transaction().execute(async (transaction) => {
      const row = await this.#free(transaction)
        .where('name', '=', name)
        .forUpdate()
        .executeTakeFirst();
      if (row !== undefined) await this.#take(transaction, row.name);
      return row !== undefined;
    });
  }

  /** @returns false: another process has taken it over */
  async renew(name: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('job_leases')
      .set({ lease_until: this.#in(LEASE_MS) })
      .where('name', '=', name)
      .where('owner', '=', this.#owner)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async finish(
    { name, everyMs }: Pick<Job, 'name' | 'everyMs'>,
    result: { report: JobReport } | { error: string },
  ): Promise<void> {
    const failed = 'error' in result;
    await this.#db
      .updateTable('job_leases')
      .set((column) => ({
        due_at: this.#in(everyMs),
        owner: null,
        lease_until: null,
        finished_at: this.#in(0),
        outcome: failed ? 'failed' : 'done',
        error: failed ? result.error : null,
        ...(failed ? {} : { report: JSON.stringify(result.report) }),
        runs: column('runs', '+', 1),
        failures: failed ? column('failures', '+', 1) : 0,
      }))
      .where('name', '=', name)
      .where('owner', '=', this.#owner)
      .execute();
  }

  /** It came to no end: due as before, and nothing is said of it. */
  async giveBack(name: string): Promise<void> {
    await this.#db
      .updateTable('job_leases')
      .set({ due_at: this.#in(0), owner: null, lease_until: null })
      .where('name', '=', name)
      .where('owner', '=', this.#owner)
      .execute();
  }

  #free(db: Kysely<Schema>) {
    return db
      .selectFrom('job_leases')
      .select('name')
      .$if(!this.#alone, (query) =>
        query.where((where) =>
          where.or([where('lease_until', 'is', null), where('lease_until', '<=', this.#in(0))]),
        ),
      );
  }

  async #take(transaction: Transaction<Schema>, name: string): Promise<void> {
    await transaction
      .updateTable('job_leases')
      .set({
        owner: this.#owner,
        lease_until: this.#in(LEASE_MS),
        started_at: this.#in(0),
      })
      .where('name', '=', name)
      .execute();
  }

  #in(ms: number): string {
    return new Date(this.#clock.now() + ms).toISOString();
  }
}
