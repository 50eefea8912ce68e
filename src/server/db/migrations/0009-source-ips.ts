import type { Kysely } from 'kysely';

/** Where a bucket key may be used from. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('tenant_mount_credentials').addColumn('source_ips', 'text').execute();
}
