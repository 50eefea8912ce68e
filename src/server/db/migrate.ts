import type { Kysely } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import { ServerStartError } from '../errors.ts';
import { up as first } from './migrations/0001-first.ts';
import { up as events } from './migrations/0002-events.ts';
import { up as identity } from './migrations/0003-identity.ts';
import type { Database } from './sqlite.ts';

interface Migration {
  version: number;
  name: string;
  up: (db: Kysely<unknown>) => Promise<void>;
}

/** Forward only: a published one is never changed, a mistake is put right by the next. */
const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: 'first', up: first },
  { version: 2, name: 'events', up: events },
  { version: 3, name: 'identity', up: identity },
];

interface SchemaMigrations {
  schema_migrations: { version: number; name: string; applied_at: string };
}

/**
 * Brings the schema to this version's, one transaction for each migration.
 *
 * @returns the names of those that were applied now
 * @throws ServerStartError `database-newer` when a newer version of this program wrote it
 */
export async function migrate(database: Database, clock: Clock): Promise<string[]> {
  const db = database as unknown as Kysely<SchemaMigrations>;
  await db.schema
    .createTable('schema_migrations')
    .ifNotExists()
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('applied_at', 'text', (column) => column.notNull())
    .execute();
  const rows = await db.selectFrom('schema_migrations').select('version').execute();
  const done = Math.max(0, ...rows.map((row) => row.version));
  const newest = MIGRATIONS.at(-1)?.version ?? 0;
  if (done > newest) {
    throw new ServerStartError(
      'database-newer',
      `The database is of schema version ${done}; this program knows ${newest}.`,
      { suggestions: ['Start the newer version of cloud, or restore the older backup.'] },
    );
  }
  const pending = MIGRATIONS.filter(({ version }) => version > done);
  for (const { version, name, up } of pending) {
    await db.transaction().execute(async (transaction) => {
      await up(transaction as unknown as Kysely<unknown>);
      await transaction
        .insertInto('schema_migrations')
        .values({ version, name, applied_at: new Date(clock.now()).toISOString() })
        .execute();
    });
  }
  return pending.map(({ version, name }) => `${String(version).padStart(4, '0')}-${name}`);
}
