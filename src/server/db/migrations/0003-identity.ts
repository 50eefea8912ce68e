import { sql, type Kysely } from 'kysely';

/** Users with their memberships, sessions, device codes, and keys that belong to somebody. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await users(db);
  await sessions(db);
  await deviceCodes(db);
  await db.schema
    .alterTable('credentials')
    .addColumn('owner_id', 'text', (column) => column.references('users.id'))
    .execute();
  await db.schema.alterTable('credentials').addColumn('family', 'text').execute();
  await db.schema.alterTable('credentials').addColumn('replaced_by', 'text').execute();
  await db.schema
    .createIndex('credentials_owner')
    .on('credentials')
    .columns(['owner_id', 'created_at'])
    .execute();
  await db.schema.alterTable('tenant_mount_credentials').addColumn('replaces', 'text').execute();
  await db.schema.alterTable('signing_keys').addColumn('activated_at', 'text').execute();
  await db.schema.alterTable('signing_keys').addColumn('retired_at', 'text').execute();
  await db.schema
    .createIndex('signing_keys_one_next')
    .on('signing_keys')
    .column('status')
    .unique()
    .where(sql<boolean>`status = 'next'`)
    .execute();
}

async function users(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('username', 'text', (column) => column.notNull().unique())
    .addColumn('display_name', 'text')
    .addColumn('email', 'text')
    .addColumn('role', 'text', (column) =>
      column.notNull().check(sql`role IN ('owner', 'admin', 'member')`),
    )
    .addColumn('status', 'text', (column) =>
      column.notNull().check(sql`status IN ('active', 'deactivated')`),
    )
    .addColumn('password_hash', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addColumn('last_sign_in_at', 'text')
    .execute();
  await db.schema
    .createTable('memberships')
    .addColumn('tenant_id', 'text', (column) => column.notNull().references('tenants.id'))
    .addColumn('user_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('role', 'text', (column) =>
      column.notNull().check(sql`role IN ('tenant_admin', 'editor', 'viewer')`),
    )
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('memberships_key', ['tenant_id', 'user_id'])
    .execute();
  await db.schema.createIndex('memberships_user').on('memberships').column('user_id').execute();
}

async function sessions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('user_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('tenant_id', 'text', (column) => column.references('tenants.id'))
    .addColumn('scopes', 'text', (column) => column.notNull())
    .addColumn('method', 'text', (column) =>
      column.notNull().check(sql`method IN ('device', 'password')`),
    )
    .addColumn('device_name', 'text')
    .addColumn('device_system', 'text')
    .addColumn('address', 'text', (column) => column.notNull())
    .addColumn('head_token_id', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('last_used_at', 'text', (column) => column.notNull())
    .addColumn('idle_until', 'text', (column) => column.notNull())
    .addColumn('ends_at', 'text', (column) => column.notNull())
    .addColumn('ended_at', 'text')
    .execute();
  await db.schema
    .createIndex('sessions_user')
    .on('sessions')
    .columns(['user_id', 'created_at'])
    .execute();
  await db.schema
    .createTable('refresh_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('session_id', 'text', (column) =>
      column.notNull().references('sessions.id').onDelete('cascade'),
    )
    .addColumn('parent_id', 'text')
    .addColumn('secret_hash', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('refresh_tokens_session')
    .on('refresh_tokens')
    .columns(['session_id', 'created_at'])
    .execute();
}

async function deviceCodes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('device_codes')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('device_code_hash', 'text', (column) => column.notNull().unique())
    .addColumn('user_code_hash', 'text', (column) => column.notNull().unique())
    .addColumn('status', 'text', (column) =>
      column.notNull().check(sql`status IN ('pending', 'approved', 'denied', 'used')`),
    )
    .addColumn('scopes', 'text')
    .addColumn('tenant_hint', 'text')
    .addColumn('device_name', 'text')
    .addColumn('device_system', 'text')
    .addColumn('address', 'text', (column) => column.notNull())
    .addColumn('interval_s', 'integer', (column) => column.notNull())
    .addColumn('polled_at', 'text')
    .addColumn('attempts', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('user_id', 'text', (column) => column.references('users.id'))
    .addColumn('tenant_id', 'text', (column) => column.references('tenants.id'))
    .addColumn('session_id', 'text', (column) =>
      column.references('sessions.id').onDelete('set null'),
    )
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('device_codes_expiry')
    .on('device_codes')
    .column('expires_at')
    .execute();
}
