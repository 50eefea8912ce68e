import { sql, type Kysely } from 'kysely';
import { isPostgres } from '../dialect.ts';

/** The audit trail can only grow, and it is known where it ends and up to where it is sealed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit_head')
    .addColumn('id', 'integer', (column) =>
      column
        .primaryKey()
        .notNull()
        .check(sql`id = 1`),
    )
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .addColumn('sealed_seq', 'integer')
    .addColumn('sealed_hash', 'text')
    .addColumn('seal', 'text')
    .execute();
  await sql`
    INSERT INTO audit_head (id, seq, hash)
    SELECT 1, coalesce(max(seq), 0), coalesce((
      SELECT hash FROM audit_events ORDER BY seq DESC LIMIT 1
    ), '') FROM audit_events`.execute(db);
  for (const column of ['time', 'tenant_id', 'actor']) {
    await db.schema
      .createIndex(`audit_events_${column}`)
      .on('audit_events')
      .columns([column, 'seq'])
      .execute();
  }
  await (isPostgres(db) ? refuseOnPostgres(db) : refuseOnSqlite(db));
}

async function refuseOnSqlite(db: Kysely<unknown>): Promise<void> {
  for (const change of ['UPDATE', 'DELETE']) {
    await sql`
      CREATE TRIGGER ${sql.ref(`audit_events_no_${change.toLowerCase()}`)}
      BEFORE ${sql.raw(change)} ON audit_events
      BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END`.execute(db);
  }
}

async function refuseOnPostgres(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''audit events are never changed''; END'`.execute(db);
  await sql`
    CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()`.execute(db);
  await sql`
    CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()`.execute(db);
}
