import { sql, type Kysely } from 'kysely';

/** What costs the same with ten tenants as with a hundred thousand: losses of events, and indexes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('event_losses')
    .addColumn('id', 'integer', (column) =>
      column
        .primaryKey()
        .notNull()
        .check(sql`id = 1`),
    )
    .addColumn('number', 'integer', (column) => column.notNull())
    .execute();
  await sql`INSERT INTO event_losses (id, number) VALUES (1, 0)`.execute(db);
  await db.schema
    .alterTable('tenants')
    .addColumn('told_losses', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  // By its value those whose bucket was told of something else are found among all.
  await db.schema
    .createIndex('tenants_webhook')
    .on('tenants')
    .columns(['webhook', 'id'])
    .where(sql<boolean>`status = 'active'`)
    .execute();
  await db.schema
    .createIndex('tenants_purging')
    .on('tenants')
    .column('id')
    .where(sql<boolean>`status = 'purging'`)
    .execute();
  // Without the keys that ended: the order of the list, and all that `mountInfo` and the look at every
  // tenant's keys need. SQLite reads the row after all unless what is always null is in it too.
  await db.schema
    .createIndex('tenant_mount_credentials_in_force')
    .on('tenant_mount_credentials')
    .columns(['tenant_id', 'created_at', 'id', 'expires_at', 'provider_status', 'revoked_at'])
    .where(sql<boolean>`revoked_at IS NULL`)
    .execute();
}
