import type { Kysely } from 'kysely';
import type { Tenant, TenantDetail } from '../../api/contract/admin.ts';
import type { Clock } from '../../platform/clock.ts';
import { prepare } from '../db/prepared.ts';
import type { Schema } from '../db/schema.ts';
import { HttpProblem } from '../errors.ts';
import { limitsOf } from './limits.ts';

/** The tenant with this id and its policy; no policy row reads as denied. */
export async function findTenant(db: Kysely<Schema>, id: string): Promise<Tenant | undefined> {
  const [row] = await tenantById(db, { id });
  return toTenant(row);
}

/** On the way of every request of a tenant. */
const tenantById = prepare(['id'], (db, { id }) =>
  tenantsWithPolicy(db).where('tenants.id', '=', id),
);

/** All but the purged ones, by slug. */
export async function listTenants(db: Kysely<Schema>): Promise<Tenant[]> {
  const rows = await tenantsWithPolicy(db)
    .where('tenants.status', '<>', 'purged')
    .orderBy('slug')
    .execute();
  return rows.map(toTenant);
}

/** By id, slug or a slug that it had before. Undefined also for a purged one. */
export async function resolveTenant(db: Kysely<Schema>, ref: string): Promise<Tenant | undefined> {
  const former = db
    .selectFrom('tenant_slug_history')
    .select('tenant_id')
    .where('tenant_slug_history.slug', '=', ref);
  const row = await tenantsWithPolicy(db)
    .where((where) =>
      where.or([
        where('tenants.id', '=', ref),
        where('tenants.slug', '=', ref),
        where('tenants.id', 'in', former),
      ]),
    )
    .where('tenants.status', '<>', 'purged')
    .executeTakeFirst();
  return toTenant(row);
}

/** @throws HttpProblem 404 `tenant-not-found` */
export async function requireTenant(db: Kysely<Schema>, ref: string): Promise<Tenant> {
  const tenant = await resolveTenant(db, ref);
  if (tenant !== undefined) return tenant;
  throw new HttpProblem(404, 'tenant-not-found', 'There is no such tenant.');
}

/** Whether the bucket keys of this tenant should work. */
export function mayUseBucket(tenant: Pick<Tenant, 'status' | 'policy'>): boolean {
  return tenant.status === 'active' && tenant.policy === 'allowed';
}

/** @throws HttpProblem 403: the tenant is unknown, inactive or denied (SPEC-8) */
export function assertAllowed(tenant: Tenant | undefined): asserts tenant is Tenant {
  if (tenant === undefined || tenant.status === 'purged') {
    throw new HttpProblem(403, 'tenant-unknown', 'No such tenant.');
  }
  if (tenant.status !== 'active') {
    throw new HttpProblem(403, 'tenant-inactive', `The tenant ${tenant.slug} is not active.`);
  }
  if (tenant.policy === 'allowed') return;
  const title = `The tenant ${tenant.slug} is denied by its policy`;
  const why = tenant.policy_reason;
  throw new HttpProblem(403, 'tenant-denied', `${title}.`, {
    ...(why === null ? {} : { detail: `${title}: ${why}` }),
  });
}

/** What is the same for whoever sees it. */
export type ShownTenant = Omit<TenantDetail, 'my_role'>;

/** With all that an administrator sees of it. */
export async function showTenant(
  db: Kysely<Schema>,
  clock: Clock,
  tenant: Tenant,
): Promise<ShownTenant> {
  const { id } = tenant;
  const row = await db
    .selectFrom('tenants')
    .leftJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
    .select(['sync_url', 'limits', 'removed_at', 'tenant_policies.updated_at'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const former = await db
    .selectFrom('tenant_slug_history')
    .select('slug')
    .where('tenant_id', '=', id)
    .orderBy('replaced_at', 'desc')
    .execute();
  return {
    ...tenant,
    policy_updated_at: row.updated_at,
    sync_url: row.sync_url,
    removed_at: row.removed_at,
    limits: limitsOf(row.limits),
    former_slugs: former.map(({ slug }) => slug),
    ...(await countsOf(db, clock, tenant)),
  };
}

async function countsOf(
  db: Kysely<Schema>,
  clock: Clock,
  tenant: Tenant,
): Promise<Pick<TenantDetail, 'keys' | 'tokens' | 'members'>> {
  const { id } = tenant;
  const now = new Date(clock.now()).toISOString();
  const keys = await db
    .selectFrom('tenant_mount_credentials')
    .select(({ fn }) => ['provider_status', fn.countAll<number | string>().as('number')])
    .where('tenant_id', '=', id)
    .where('revoked_at', 'is', null)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
    .groupBy('provider_status')
    .execute();
  const tokens = await db
    .selectFrom('credentials')
    .select(({ fn }) => fn.countAll<number | string>().as('number'))
    .where('tenant_id', '=', id)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirstOrThrow();
  const members = await db
    .selectFrom('memberships')
    .select(({ fn }) => fn.countAll<number | string>().as('number'))
    .where('tenant_id', '=', id)
    .executeTakeFirstOrThrow();
  // PostgreSQL counts in bigint, which its driver hands over as text.
  const counted = (status: string): number =>
    Number(keys.find(({ provider_status: each }) => each === status)?.number ?? 0);
  const wanted = mayUseBucket(tenant) ? 'active' : 'inactive';
  const unwanted = wanted === 'active' ? 'inactive' : 'active';
  const settled = { active: 0, inactive: 0, [wanted]: counted(wanted) };
  return {
    keys: { ...settled, pending: counted('changing') + counted(unwanted) },
    tokens: Number(tokens.number),
    members: Number(members.number),
  };
}

function tenantsWithPolicy(db: Kysely<Schema>) {
  return db
    .selectFrom('tenants')
    .leftJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
    .select(['id', 'slug', 'name', 'status', 'policy', 'bucket_name', 'region', 'created_at'])
    .select('tenant_policies.reason as policy_reason');
}

function toTenant<Row extends { policy: Tenant['policy'] | null } | undefined>(
  row: Row,
): Row extends undefined ? undefined : Omit<Row & object, 'policy'> & Pick<Tenant, 'policy'>;
function toTenant(
  row: { policy: Tenant['policy'] | null } | undefined,
): { policy: Tenant['policy'] } | undefined {
  return row === undefined ? undefined : { ...row, policy: row.policy ?? 'denied' };
}
