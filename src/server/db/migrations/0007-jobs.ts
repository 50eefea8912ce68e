import { sql, type Kysely } from 'kysely';

/** What several server processes share: who does which job, what is held, who tried how often. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('job_leases')
    .addColumn('name', 'text', (column) => column.primaryKey().notNull())
    .addColumn('due_at', 'text', (column) => column.notNull())
    .addColumn('owner', 'text')
    .addColumn('lease_until', 'text')
    .addColumn('started_at', 'text')
    .addColumn('finished_at', 'text')
    .addColumn('outcome', 'text', (column) => column.check(sql`outcome IN ('done', 'failed')`))
    .addColumn('error', 'text')
    .addColumn('report', 'text')
    .addColumn('runs', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('failures', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema
    .createTable('rate_limits')
    .addColumn('key', 'text', (column) => column.primaryKey().notNull())
    .addColumn('empty_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('rate_limits_empty').on('rate_limits').column('empty_at').execute();
  await db.schema.alterTable('provisioning_intents').addColumn('holder', 'text').execute();
  await db.schema.alterTable('provisioning_intents').addColumn('held_until', 'text').execute();
  await db.schema
    .alterTable('tenant_mount_credentials')
    .addColumn('deletion_due_at', 'text')
    .execute();
  // The keys whose end is near or past, among all that ever were.
  await db.schema
    .createIndex('tenant_mount_credentials_expiry')
    .on('tenant_mount_credentials')
    .column('expires_at')
    .where(sql<boolean>`revoked_at IS NULL AND expires_at IS NOT NULL`)
    .execute();
}
