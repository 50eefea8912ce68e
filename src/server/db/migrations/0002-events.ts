import { sql, type Kysely } from 'kysely';

/** The log of each tenant's events, where an upload is announced, and what the bucket was told. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('tenants').addColumn('sync_url', 'text').execute();
  await db.schema.alterTable('tenants').addColumn('webhook', 'text').execute();
  await db.schema
    .createTable('tenant_events')
    .addColumn('tenant_id', 'text', (column) =>
      column.notNull().references('tenants.id').onDelete('cascade'),
    )
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('tag', 'text', (column) => column.notNull())
    .addColumn('logged_at', 'text', (column) => column.notNull())
    .addColumn('data', 'text', (column) => column.notNull())
    .addColumn('dedupe', 'text')
    .addPrimaryKeyConstraint('tenant_events_key', ['tenant_id', 'seq'])
    .execute();
  await db.schema
    .createIndex('tenant_events_dedupe')
    .on('tenant_events')
    .columns(['tenant_id', 'dedupe'])
    .unique()
    .where(sql<boolean>`dedupe IS NOT NULL`)
    .execute();
  await db.schema
    .createIndex('tenant_events_age')
    .on('tenant_events')
    .column('logged_at')
    .execute();
}
