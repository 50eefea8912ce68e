import { sql, type Kysely } from 'kysely';

/** Tenants with their policy, tokens, mount credentials, signing keys and the audit trail. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await tenants(db);
  await credentials(db);
  await mountCredentials(db);
  await provisioningIntents(db);
  await signingKeys(db);
  await auditEvents(db);
}

async function tenants(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tenants')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('slug', 'text', (column) => column.notNull().unique())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) =>
      column.notNull().check(sql`status IN ('active', 'removed', 'purging', 'purged')`),
    )
    .addColumn('bucket_name', 'text', (column) => column.notNull().unique())
    .addColumn('region', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('tenant_policies')
    .addColumn('tenant_id', 'text', (column) =>
      column.primaryKey().notNull().references('tenants.id'),
    )
    .addColumn('policy', 'text', (column) =>
      column.notNull().check(sql`policy IN ('allowed', 'denied')`),
    )
    .addColumn('reason', 'text')
    .addColumn('updated_by', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .execute();
}

async function credentials(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('credentials')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('kind', 'text', (column) => column.notNull().check(sql`kind IN ('admin', 'api')`))
    .addColumn('secret_hash', 'text', (column) => column.notNull().unique())
    .addColumn('last4', 'text', (column) => column.notNull())
    .addColumn('label', 'text', (column) => column.notNull())
    .addColumn('tenant_id', 'text', (column) => column.references('tenants.id'))
    .addColumn('scopes', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'text', (column) => column.notNull())
    .addColumn('revoked_at', 'text')
    .addColumn('last_used_at', 'text')
    .execute();
  await db.schema
    .createIndex('credentials_tenant')
    .on('credentials')
    .columns(['tenant_id', 'created_at'])
    .execute();
}

async function mountCredentials(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tenant_mount_credentials')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('tenant_id', 'text', (column) => column.notNull().references('tenants.id'))
    .addColumn('access_key', 'text', (column) => column.notNull().unique())
    .addColumn('policy_arn', 'text', (column) => column.notNull())
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('permission', 'text', (column) =>
      column.notNull().check(sql`permission IN ('rw', 'ro')`),
    )
    .addColumn('prefix', 'text')
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'text')
    .addColumn('confirmed_at', 'text')
    .addColumn('last_used_at', 'text')
    .addColumn('revoked_at', 'text')
    .addColumn('tigris_deletion_status', 'text', (column) =>
      column
        .notNull()
        .defaultTo('pending')
        .check(sql`tigris_deletion_status IN ('pending', 'completed', 'failed')`),
    )
    .addColumn('deletion_attempts', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('deletion_last_error', 'text')
    .execute();
  await db.schema
    .createIndex('tenant_mount_credentials_tenant')
    .on('tenant_mount_credentials')
    .columns(['tenant_id', 'created_at'])
    .execute();
  // The few rows whose deletion at the provider is owed, among all that ever were.
  await db.schema
    .createIndex('tenant_mount_credentials_owed')
    .on('tenant_mount_credentials')
    .column('revoked_at')
    .where(sql<boolean>`revoked_at IS NOT NULL AND tigris_deletion_status <> 'completed'`)
    .execute();
}

async function provisioningIntents(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('provisioning_intents')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('kind', 'text', (column) =>
      column.notNull().check(sql`kind IN ('mount_credential', 'tenant')`),
    )
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('bucket_name', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('last_error', 'text')
    .execute();
}

async function signingKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('signing_keys')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('status', 'text', (column) =>
      column.notNull().check(sql`status IN ('next', 'active', 'retired')`),
    )
    .addColumn('algorithm', 'text', (column) => column.notNull().check(sql`algorithm = 'EdDSA'`))
    .addColumn('public_jwk', 'text', (column) => column.notNull())
    .addColumn('wrapped_private_key', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('signing_keys_one_active')
    .on('signing_keys')
    .column('status')
    .unique()
    .where(sql<boolean>`status = 'active'`)
    .execute();
}

async function auditEvents(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit_events')
    .addColumn('seq', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('time', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('tenant_id', 'text')
    .addColumn('subject_id', 'text')
    .addColumn('request_id', 'text')
    .addColumn('data', 'text', (column) => column.notNull())
    .addColumn('previous_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
}
