import { sql, type Kysely } from 'kysely';

/** Deletions that an operator has given up, and keys that end unless somebody confirms them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('tenant_mount_credentials')
    .addColumn('deletion_abandoned_at', 'text')
    .execute();
  await db.schema.alterTable('tenant_mount_credentials').addColumn('confirm_by', 'text').execute();
  await db.schema
    .createIndex('tenant_mount_credentials_confirm')
    .on('tenant_mount_credentials')
    .column('confirm_by')
    .where(sql<boolean>`revoked_at IS NULL AND confirmed_at IS NULL AND confirm_by IS NOT NULL`)
    .execute();
}
