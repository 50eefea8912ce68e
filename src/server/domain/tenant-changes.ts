import type { Transaction } from 'kysely';
import type { ChangeTenant, Tenant } from '../../api/contract/admin.ts';
import type { Schema } from '../db/schema.ts';
import { isUniqueViolation } from '../db/database-errors.ts';
import { recordAudit, type Actor } from './audit.ts';
import { lockTenant, storedLimits } from './limits.ts';
import { assertNotPurging, enforceAccess, type TenantPolicyDeps } from './tenant-policy.ts';
import { requireTenant, showTenant, type ShownTenant } from './tenant-view.ts';
import { assertFreeSlug, slugTaken } from './tenants.ts';

/**
 * Changes what was given and nothing else. Under another slug a tenant is still found by the old one.
 *
 * @throws HttpProblem 404, 409 `slug-taken` or `tenant-purging`, 422 `slug-reserved`
 */
export async function changeTenant(
  { db, clock }: TenantPolicyDeps,
  ref: string,
  change: ChangeTenant,
  actor: Actor,
): Promise<ShownTenant> {
  try {
    return await db.transaction().execute(async (transaction) => {
      const tenant = await lockedTenant(transaction, ref);
      const now = new Date(clock.now()).toISOString();
      if (change.slug !== undefined && change.slug !== tenant.slug) {
        await rename(transaction, tenant, change.slug, now);
        await recordAudit(transaction, clock, {
          ...actor,
          type: 'TenantRenamedEvent',
          tenantId: tenant.id,
          subjectId: tenant.id,
          data: { slug: change.slug, former_slug: tenant.slug },
        });
      }
      const fields = Object.keys(change).filter((field) => field !== 'slug');
      if (fields.length > 0) {
        await setFields(transaction, tenant.id, change, now);
        await recordAudit(transaction, clock, {
          ...actor,
          type: 'TenantChangedEvent',
          tenantId: tenant.id,
          subjectId: tenant.id,
          data: { fields: fields.toSorted().join(' ') },
        });
      }
      return showTenant(transaction, clock, await requireTenant(transaction, tenant.id));
    });
  } catch (error) {
    throw isUniqueViolation(error) ? slugTaken(change.slug ?? ref) : error;
  }
}

async function rename(
  transaction: Transaction<Schema>,
  { id, slug: former }: Tenant,
  slug: string,
  now: string,
): Promise<void> {
  await assertFreeSlug(transaction, slug, id);
  // It may take a name of its own back.
  await transaction.deleteFrom('tenant_slug_history').where('slug', '=', slug).execute();
  await transaction
    .insertInto('tenant_slug_history')
    .values({ slug: former, tenant_id: id, replaced_at: now })
    .execute();
  await transaction
    .updateTable('tenants')
    .set({ slug, updated_at: now })
    .where('id', '=', id)
    .execute();
}

async function setFields(
  transaction: Transaction<Schema>,
  id: string,
  { name, sync_url: syncUrl, limits }: ChangeTenant,
  now: string,
): Promise<void> {
  const row = await transaction
    .selectFrom('tenants')
    .select('limits')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const merged = Object.entries({ ...storedLimits(row.limits), ...limits });
  const set = Object.fromEntries(merged.filter(([, value]) => typeof value === 'number'));
  await transaction
    .updateTable('tenants')
    .set({
      ...(name === undefined ? {} : { name }),
      ...(syncUrl === undefined ? {} : { sync_url: syncUrl }),
      limits: Object.keys(set).length === 0 ? null : JSON.stringify(set),
      updated_at: now,
    })
    .where('id', '=', id)
    .execute();
}

/**
 * Takes a tenant out of use and keeps everything of it; `removed` twice is the same. Its keys are made
 * inactive at the provider.
 *
 * @throws HttpProblem 404, 409 `tenant-purging`
 */
export function removeTenant(
  deps: TenantPolicyDeps,
  ref: string,
  actor: Actor,
): Promise<ShownTenant> {
  return setStatus(deps, ref, 'removed', actor);
}

/** The way back; the policy is what it was. @throws HttpProblem 404, 409 `tenant-purging` */
export function restoreTenant(
  deps: TenantPolicyDeps,
  ref: string,
  actor: Actor,
): Promise<ShownTenant> {
  return setStatus(deps, ref, 'active', actor);
}

async function setStatus(
  deps: TenantPolicyDeps,
  ref: string,
  status: 'active' | 'removed',
  actor: Actor,
): Promise<ShownTenant> {
  const { db, clock } = deps;
  const now = new Date(clock.now()).toISOString();
  const { id } = await db.transaction().execute(async (transaction) => {
    const tenant = await lockedTenant(transaction, ref);
    if (tenant.status === status) return tenant;
    await transaction
      .updateTable('tenants')
      .set({ status, removed_at: status === 'removed' ? now : null, updated_at: now })
      .where('id', '=', tenant.id)
      .execute();
    await recordAudit(transaction, clock, {
      ...actor,
      type: status === 'removed' ? 'TenantRemovedEvent' : 'TenantRestoredEvent',
      tenantId: tenant.id,
      subjectId: tenant.id,
      data: { slug: tenant.slug },
    });
    return tenant;
  });
  return enforceAccess(deps, id);
}

/** @throws HttpProblem 404, 409 `tenant-purging` */
async function lockedTenant(transaction: Transaction<Schema>, ref: string): Promise<Tenant> {
  const { id } = await requireTenant(transaction, ref);
  await lockTenant(transaction, id);
  const tenant = await requireTenant(transaction, id);
  assertNotPurging(tenant.status);
  return tenant;
}
