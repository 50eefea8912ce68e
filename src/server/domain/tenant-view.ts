import type { Tenant } from '../../api/contract/admin.ts';
import type { Kysely } from 'kysely';
import type { Schema } from '../db/schema.ts';
import { HttpProblem } from '../errors.ts';

/** The tenant with this id and its policy; no policy row reads as denied. */
export async function findTenant(db: Kysely<Schema>, id: string): Promise<Tenant | undefined> {
  return toTenant(await tenantsWithPolicy(db).where('tenants.id', '=', id).executeTakeFirst());
}

/** All but the purged ones, by slug. */
export async function listTenants(db: Kysely<Schema>): Promise<Tenant[]> {
  const rows = await tenantsWithPolicy(db)
    .where('tenants.status', '<>', 'purged')
    .orderBy('slug')
    .execute();
  return rows.map(toTenant);
}

/** @throws HttpProblem 403: the tenant is unknown, inactive or denied (SPEC-8) */
export function assertAllowed(tenant: Tenant | undefined): asserts tenant is Tenant {
  if (tenant === undefined) throw new HttpProblem(403, 'tenant-unknown', 'No such tenant.');
  if (tenant.status !== 'active') {
    throw new HttpProblem(403, 'tenant-inactive', `The tenant ${tenant.slug} is not active.`);
  }
  if (tenant.policy !== 'allowed') {
    throw new HttpProblem(
      403,
      'tenant-denied',
      `The tenant ${tenant.slug} is denied by its policy.`,
    );
  }
}

function tenantsWithPolicy(db: Kysely<Schema>) {
  return db
    .selectFrom('tenants')
    .leftJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
    .select(['id', 'slug', 'name', 'status', 'policy', 'bucket_name', 'region', 'created_at']);
}

function toTenant<Row extends { policy: Tenant['policy'] | null } | undefined>(
  row: Row,
): Row extends undefined ? undefined : Omit<Row & object, 'policy'> & Pick<Tenant, 'policy'>;
function toTenant(
  row: { policy: Tenant['policy'] | null } | undefined,
): { policy: Tenant['policy'] } | undefined {
  return row === undefined ? undefined : { ...row, policy: row.policy ?? 'denied' };
}
