import { expressionBuilder, sql, type Expression, type Kysely } from 'kysely';
import type { Tenant } from '../../api/contract/admin.ts';
import type { MountInfo } from '../../api/contract/mount.ts';
import type { Clock } from '../../platform/clock.ts';
import { prepare } from '../db/prepared.ts';
import type { Schema } from '../db/schema.ts';

/** @param newestKey where it was read already: see `newestKeyOf` */
export async function mountInfo(
  { db, clock }: { db: Kysely<Schema>; clock: Clock },
  tenant: Tenant,
  newestKey?: string | null,
): Promise<MountInfo> {
  const created = newestKey === undefined ? await readNewestKey(db, clock, tenant) : newestKey;
  return {
    tenant_id: tenant.id,
    bucket_name: tenant.bucket_name,
    has_credentials: created !== null,
    credentials_created_at: created,
  };
}

/** When the newest key in force of a tenant was made, by an index alone; as part of another query. */
export function newestKeyOf(tenant: Expression<string | null>, now: string) {
  return expressionBuilder<Schema>()
    .selectFrom('tenant_mount_credentials as key')
    .select('key.created_at')
    .where('key.tenant_id', '=', tenant)
    .where('key.revoked_at', 'is', null)
    .where((key) => key.or([key('key.expires_at', 'is', null), key('key.expires_at', '>', now)]))
    .orderBy('key.created_at', 'desc')
    .limit(1);
}

async function readNewestKey(
  db: Kysely<Schema>,
  clock: Clock,
  { id }: Tenant,
): Promise<string | null> {
  const now = new Date(clock.now()).toISOString();
  const [row] = await newestKeyOfTenant(db, { tenant: id, now });
  return row?.created_at ?? null;
}

const newestKeyOfTenant = prepare(['tenant', 'now'], (db, { tenant, now }) =>
  db.selectNoFrom(newestKeyOf(sql.val(tenant), now).as('created_at')),
);
