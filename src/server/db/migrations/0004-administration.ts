import { sql, type Kysely } from 'kysely';

/** Tenants with limits and former names, and what the provider was last told of each key. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('tenants').addColumn('limits', 'text').execute();
  await db.schema.alterTable('tenants').addColumn('removed_at', 'text').execute();
  await db.schema
    .createTable('tenant_slug_history')
    .addColumn('slug', 'text', (column) => column.primaryKey().notNull())
    .addColumn('tenant_id', 'text', (column) =>
      column.notNull().references('tenants.id').onDelete('cascade'),
    )
    .addColumn('replaced_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('tenant_slug_history_tenant')
    .on('tenant_slug_history')
    .column('tenant_id')
    .execute();
  await db.schema
    .alterTable('tenant_mount_credentials')
    .addColumn('provider_status', 'text', (column) =>
      column
        .notNull()
        .defaultTo('active')
        .check(sql`provider_status IN ('active', 'inactive', 'changing')`),
    )
    .execute();
  await db.schema.alterTable('provisioning_intents').addColumn('created_by', 'text').execute();
}
