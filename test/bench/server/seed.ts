import { randomUUID } from 'node:crypto';
import type { Database } from '../../../src/server/db/sqlite.ts';

/** So many tenants at once in one statement: PostgreSQL takes 65,535 values. */
const BATCH = 500;
const KEYS = 5;

/** Adds tenants with a policy and a few bucket keys each, until there are so many. */
export async function seedTenants(db: Database, count: number): Promise<void> {
  const { present } = await db
    .selectFrom('tenants')
    .select((select) => select.fn.countAll().as('present'))
    .executeTakeFirstOrThrow();
  const now = new Date().toISOString();
  for (let at = Number(present); at < count; at += BATCH) {
    const ids = Array.from({ length: Math.min(BATCH, count - at) }, () => randomUUID());
    await db.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('tenants')
        .values(
          ids.map((id) => ({
            ...{ id, slug: `t${id.slice(0, 30)}`, name: id, status: 'active' as const },
            ...{ bucket_name: `cloud-${id}`, region: 'auto', created_at: now, updated_at: now },
            // As if its notifications were set.
            webhook: 'seeded',
          })),
        )
        .execute();
      await transaction
        .insertInto('tenant_policies')
        .values(
          ids.map((id) => ({
            ...{ tenant_id: id, policy: 'allowed' as const, updated_by: 'bench', updated_at: now },
          })),
        )
        .execute();
      await transaction
        .insertInto('tenant_mount_credentials')
        .values(
          ids.flatMap((id) =>
            Array.from({ length: KEYS }, () => {
              const key = randomUUID();
              return {
                ...{ id: key, tenant_id: id, access_key: `tid_${key}`, policy_arn: `arn:${key}` },
                ...{ description: 'bench', permission: 'rw' as const, created_by: `user:${id}` },
                ...{ created_at: now, updated_at: now, last_used_at: now },
              };
            }),
          ),
        )
        .execute();
    });
  }
}
