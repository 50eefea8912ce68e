import { sql, type Kysely, type Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import { ServerStartError } from '../errors.ts';
import { isPostgres, lockInTransaction } from './dialect.ts';
import { up as first } from './migrations/0001-first.ts';
import { up as events } from './migrations/0002-events.ts';
import { up as identity } from './migrations/0003-identity.ts';
import { up as administration } from './migrations/0004-administration.ts';
import { up as issuers } from './migrations/0005-issuers.ts';
import { up as audit } from './migrations/0006-audit.ts';
import { up as jobs } from './migrations/0007-jobs.ts';
import { up as abandoned } from './migrations/0008-abandoned.ts';
import { up as sourceIps } from './migrations/0009-source-ips.ts';
import { up as scale } from './migrations/0010-scale.ts';
import type { Database } from './sqlite.ts';

interface Migration {
  version: number;
  name: string;
  up: (db: Kysely<unknown>) => Promise<void>;
}

/**
 * Forward only: a published one is never changed, a mistake is put right by the next. The same for
 * both databases: on PostgreSQL `text` sorts by bytes and `autoIncrement` is an identity (postgres.ts).
 */
const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: 'first', up: first },
  { version: 2, name: 'events', up: events },
  { version: 3, name: 'identity', up: identity },
  { version: 4, name: 'administration', up: administration },
  { version: 5, name: 'issuers', up: issuers },
  { version: 6, name: 'audit', up: audit },
  { version: 7, name: 'jobs', up: jobs },
  { version: 8, name: 'abandoned', up: abandoned },
  { version: 9, name: 'source-ips', up: sourceIps },
  { version: 10, name: 'scale', up: scale },
];

interface SchemaMigrations {
  schema_migrations: { version: number; name: string; applied_at: string };
}

/**
 * Brings the schema to this version's, one transaction for each migration. Of several servers that
 * start at once each migration is applied by one; the others wait for it.
 *
 * @returns the names of those that were applied now
 * @throws ServerStartError `database-newer` when a newer version of this program wrote it,
 *   `database-foreign` when another program did
 */
export async function migrate(database: Database, clock: Clock): Promise<string[]> {
  const db = database as unknown as Kysely<SchemaMigrations>;
  const applied: string[] = [];
  for (;;) {
    const name = await db.transaction().execute((transaction) => applyNext(transaction, clock));
    if (name === undefined) return applied;
    applied.push(name);
  }
}

async function applyNext(
  transaction: Transaction<SchemaMigrations>,
  clock: Clock,
): Promise<string | undefined> {
  if (isPostgres(transaction)) {
    // The others wait as long as it takes.
    await sql`set local statement_timeout = 0`.execute(transaction);
  }
  await lockInTransaction(transaction, 'migration');
  const done = await versionOf(transaction);
  const next = MIGRATIONS.find(({ version }) => version > done);
  if (next === undefined) return undefined;
  await next.up(transaction as unknown as Kysely<unknown>);
  const { version, name } = next;
  await transaction
    .insertInto('schema_migrations')
    .values({ version, name, applied_at: new Date(clock.now()).toISOString() })
    .execute();
  return `${String(version).padStart(4, '0')}-${name}`;
}

async function versionOf(db: Transaction<SchemaMigrations>): Promise<number> {
  await assertOurs(db);
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
  if (done <= newest) return done;
  throw new ServerStartError(
    'database-newer',
    `The database is of schema version ${done}; this program knows ${newest}.`,
    { suggestions: ['Start the newer version of cloud, or restore the older backup.'] },
  );
}

/** A `DATABASE_URL` may be meant for another program: nothing is added to what is not ours. */
async function assertOurs(db: Kysely<SchemaMigrations>): Promise<void> {
  if (!isPostgres(db)) return;
  const { rows } = await sql<{ table_name: string; column_name: string }>`
    select table_name, column_name from information_schema.columns
    where table_schema = current_schema()`.execute(db);
  const ours = rows.some(
    ({ table_name: table, column_name: column }) =>
      table === 'schema_migrations' && column === 'applied_at',
  );
  if (ours || rows.length === 0) return;
  throw new ServerStartError(
    'database-foreign',
    'The database holds the tables of another program.',
    { suggestions: ['Give this server a database of its own, and set DATABASE_URL to it.'] },
  );
}
