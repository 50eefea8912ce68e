import type { Insertable, Kysely, Selectable, Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import { isPostgres } from '../db/dialect.ts';
import type { ProvisioningIntentsTable, Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';

export type Intent = Selectable<ProvisioningIntentsTable>;

/** Milliseconds: a request that takes longer than this is taken for dead by other processes. */
export const HELD_MS = 120_000;

/**
 * What is being made at the provider. The row is written before the first call and goes with the
 * transaction that makes the thing official; what remains without a running request is a crash or
 * a clean-up that did not succeed, and is finished by `finishUnfinished`. Whoever works on a row
 * holds it for a time; who was too slow finds at the commit that it is another's.
 */
export class Intents {
  readonly #db: Database;
  readonly #clock: Clock;
  /** This process among all. */
  readonly #holder: string;
  /** On SQLite there is no other: what does not run here was left by one that has ended. */
  readonly #alone: boolean;
  readonly #running = new Set<string>();

  constructor(db: Database, clock: Clock, holder: string) {
    this.#db = db;
    this.#clock = clock;
    this.#holder = holder;
    this.#alone = !isPostgres(db);
  }

  /** @param admit asked in the transaction that writes the row: whether there is room for it */
  async begin(
    intent: Pick<Insertable<ProvisioningIntentsTable>, 'id' | 'kind' | 'tenant_id'> & {
      bucket_name?: string;
      created_by?: string | null;
    },
    admit?: (transaction: Transaction<Schema>) => Promise<void>,
  ): Promise<void> {
    // Before it can be read: `recover` must not take a request that has just begun for a dead one.
    this.#running.add(intent.id);
    try {
      await this.#db.transaction().execute(async (transaction) => {
        await admit?.(transaction);
        await transaction
          .insertInto('provisioning_intents')
          .values({
            ...intent,
            created_at: this.#in(0),
            holder: this.#holder,
            held_until: this.#in(HELD_MS),
          })
          .execute();
      });
    } catch (error) {
      this.#running.delete(intent.id);
      throw error;
    }
  }

  /** Nothing is left to clean up. */
  async finish(db: Kysely<Schema>, id: string): Promise<void> {
    await db.deleteFrom('provisioning_intents').where('id', '=', id).execute();
  }

  /**
   * It is official with this transaction.
   *
   * @throws HttpProblem 503 `overtaken`: it took so long that another process cleans up after it
   */
  async makeOfficial(transaction: Transaction<Schema>, id: string): Promise<void> {
    const { numDeletedRows } = await transaction
      .deleteFrom('provisioning_intents')
      .where('id', '=', id)
      .where('holder', '=', this.#holder)
      .executeTakeFirst();
    if (numDeletedRows > 0n) return;
    throw new HttpProblem(503, 'overtaken', 'The object storage took too long.', {
      detail: 'Nothing was kept; try again.',
      headers: { 'retry-after': '5' },
    });
  }

  /** Whether the row is still there, that is, whether nothing was made official. */
  async isOpen(id: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('provisioning_intents')
      .select('id')
      .where('id', '=', id)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** The request is over; from now on the row, if it is still there, is to be cleaned up. */
  end(id: string): void {
    this.#running.delete(id);
  }

  async unfinished(): Promise<Intent[]> {
    const rows = await this.#abandoned(this.#db).selectAll().execute();
    return rows.filter((row) => !this.#running.has(row.id));
  }

  /** @returns false: it is gone, or a request or another process works on it */
  async take(id: string): Promise<boolean> {
    if (this.#running.has(id)) return false;
    return this.#db.transaction().execute(async (transaction) => {
      const row = await this.#abandoned(transaction)
        .select('id')
        .where('id', '=', id)
        .forUpdate()
        .executeTakeFirst();
      if (row === undefined) return false;
      await transaction
        .updateTable('provisioning_intents')
        .set({ holder: this.#holder, held_until: this.#in(HELD_MS) })
        .where('id', '=', id)
        .execute();
      return true;
    });
  }

  async noteFailure(id: string, error: unknown): Promise<void> {
    await this.#db
      .updateTable('provisioning_intents')
      .set((column) => ({
        attempts: column('attempts', '+', 1),
        last_error: error instanceof Error ? error.message : String(error),
      }))
      .where('id', '=', id)
      .execute();
  }

  #abandoned(db: Kysely<Schema>) {
    return db
      .selectFrom('provisioning_intents')
      .$if(!this.#alone, (query) =>
        query.where((where) =>
          where.or([
            where('holder', 'is', null),
            where('holder', '=', this.#holder),
            where('held_until', '<=', this.#in(0)),
          ]),
        ),
      );
  }

  #in(ms: number): string {
    return new Date(this.#clock.now() + ms).toISOString();
  }
}
