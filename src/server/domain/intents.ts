import type { Insertable, Kysely, Selectable, Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { ProvisioningIntentsTable, Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';

export type Intent = Selectable<ProvisioningIntentsTable>;

/**
 * What is being made at the provider. The row is written before the first call and goes with the
 * transaction that makes the thing official; what remains without a running request is a crash or
 * a clean-up that did not succeed, and is finished by `recover`.
 */
export class Intents {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #running = new Set<string>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** @param admit asked in the transaction that writes the row: whether there is room for it */
  async begin(
    intent: Pick<Insertable<ProvisioningIntentsTable>, 'id' | 'kind' | 'tenant_id'> & {
      bucket_name?: string;
      created_by?: string | null;
    },
    admit?: (transaction: Transaction<Schema>) => Promise<void>,
  ): Promise<void> {
    const created_at = new Date(this.#clock.now()).toISOString();
    // Before it can be read: `recover` must not take a request that has just begun for a dead one.
    this.#running.add(intent.id);
    try {
      await this.#db.transaction().execute(async (transaction) => {
        await admit?.(transaction);
        await transaction
          .insertInto('provisioning_intents')
          .values({ ...intent, created_at })
          .execute();
      });
    } catch (error) {
      this.#running.delete(intent.id);
      throw error;
    }
  }

  /** Nothing is left to clean up: either it is official now, or it is gone. */
  async finish(db: Kysely<Schema>, id: string): Promise<void> {
    await db.deleteFrom('provisioning_intents').where('id', '=', id).execute();
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

  /** The request is over; from now on the row, if it is still there, belongs to `recover`. */
  end(id: string): void {
    this.#running.delete(id);
  }

  async unfinished(): Promise<Intent[]> {
    const rows = await this.#db.selectFrom('provisioning_intents').selectAll().execute();
    return rows.filter((row) => !this.#running.has(row.id));
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
}
