import { HttpProblem } from '../errors.ts';
import { recordAudit } from './audit.ts';
import { addTenant, type TenantDeps } from './tenants.ts';

export type TenantsOutcome = 'none' | 'seeded' | 'unchanged' | 'ignored';

/**
 * Adds and allows the operator's first tenants, while nobody has administered any. What was begun and
 * not finished, because the server or the storage failed, goes on at the next start.
 *
 * @throws HttpProblem 503 when the storage does not make a bucket
 */
export async function seedTenants(
  deps: TenantDeps,
  slugs: readonly string[],
): Promise<TenantsOutcome> {
  if (slugs.length === 0) return 'none';
  if (await wasAdministered(deps)) return ignored(deps, slugs);
  for (const slug of slugs) await addOrAllow(deps, slug);
  await deps.db.transaction().execute((transaction) =>
    recordAudit(transaction, deps.clock, {
      type: 'BootstrapSeededEvent',
      actor: 'server',
      data: { kind: 'tenants' },
    }),
  );
  return 'seeded';
}

/** The seed was finished before, or somebody else has said of a tenant whether it is allowed. */
async function wasAdministered({ db }: TenantDeps): Promise<boolean> {
  const seeds = await db
    .selectFrom('audit_events')
    .select('data')
    .where('type', '=', 'BootstrapSeededEvent')
    .execute();
  if (seeds.some(({ data }) => data.includes('"kind":"tenants"'))) return true;
  const others = await db
    .selectFrom('tenant_policies')
    .select('tenant_id')
    .where('updated_by', '<>', 'server')
    .limit(1)
    .execute();
  return others.length > 0;
}

async function ignored(
  { db, clock }: TenantDeps,
  slugs: readonly string[],
): Promise<TenantsOutcome> {
  const allowed = await db
    .selectFrom('tenants')
    .innerJoin('tenant_policies', 'tenant_policies.tenant_id', 'tenants.id')
    .select('slug')
    .where('policy', '=', 'allowed')
    .where('slug', 'in', slugs)
    .execute();
  if (allowed.length === slugs.length) return 'unchanged';
  await db.transaction().execute((transaction) =>
    recordAudit(transaction, clock, {
      type: 'BootstrapIgnoredEvent',
      actor: 'server',
      data: { kind: 'tenants', reason: 'tenants-are-administered' },
    }),
  );
  return 'ignored';
}

async function addOrAllow(deps: TenantDeps, slug: string): Promise<void> {
  const { db, clock } = deps;
  const actor = { actor: 'server' };
  try {
    await addTenant(deps, { slug, name: slug }, actor);
    return;
  } catch (error) {
    if (!(error instanceof HttpProblem) || error.code !== 'slug-taken') throw error;
  }
  // Of a database that knew no policies yet, or of a seed that was interrupted.
  await db.transaction().execute(async (transaction) => {
    const tenant = await transaction
      .selectFrom('tenants')
      .select('id')
      .where('slug', '=', slug)
      .executeTakeFirst();
    if (tenant === undefined) return;
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('tenant_policies')
      .values({
        tenant_id: tenant.id,
        policy: 'allowed',
        updated_by: 'server',
        updated_at: new Date(clock.now()).toISOString(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows === 0n) return;
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'TenantAllowedEvent',
      tenantId: tenant.id,
      subjectId: tenant.id,
      data: { slug },
    });
  });
}
