import { sql, type Kysely } from 'kysely';

/** Trusted OpenID providers, who their people are here, and which of their tokens were used. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('issuers')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('url', 'text', (column) => column.notNull().unique())
    .addColumn('client_id', 'text', (column) => column.notNull())
    .addColumn('scope', 'text', (column) => column.notNull())
    .addColumn('audience', 'text', (column) => column.notNull())
    .addColumn('algorithms', 'text', (column) => column.notNull())
    .addColumn('clock_skew_s', 'integer', (column) => column.notNull())
    .addColumn('tenant_claim', 'text')
    .addColumn('member_role', 'text', (column) =>
      column.notNull().check(sql`member_role IN ('tenant_admin', 'editor', 'viewer')`),
    )
    .addColumn('create_users', 'integer', (column) =>
      column.notNull().check(sql`create_users IN (0, 1)`),
    )
    .addColumn('session_days', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('user_identities')
    .addColumn('issuer', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('user_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('last_sign_in_at', 'text')
    .addPrimaryKeyConstraint('user_identities_key', ['issuer', 'subject'])
    .execute();
  await db.schema
    .createIndex('user_identities_user')
    .on('user_identities')
    .column('user_id')
    .execute();
  await db.schema
    .alterTable('sessions')
    .addColumn('issuer_id', 'text', (column) =>
      column.references('issuers.id').onDelete('set null'),
    )
    .execute();
  await db.schema
    .createIndex('sessions_issuer')
    .on('sessions')
    .column('issuer_id')
    .where(sql<boolean>`issuer_id IS NOT NULL`)
    .execute();
  await db.schema
    .createTable('used_id_tokens')
    .addColumn('token_hash', 'text', (column) => column.primaryKey().notNull())
    .addColumn('session_id', 'text', (column) =>
      column.notNull().references('sessions.id').onDelete('cascade'),
    )
    .addColumn('expires_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('used_id_tokens_expiry')
    .on('used_id_tokens')
    .column('expires_at')
    .execute();
}
