import type { SetPolicy } from '../../api/contract/admin.ts';
import { HttpProblem } from '../errors.ts';
import type { EventBus } from '../events/event-bus.ts';
import { recordAudit, type Actor } from './audit.ts';
import { lockTenant } from './limits.ts';
import type { TenantAccess } from './tenant-access.ts';
import { mayUseBucket, requireTenant, showTenant, type ShownTenant } from './tenant-view.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';

/** How long a request waits for the keys of a tenant to be set, in milliseconds. */
const WAIT_MS = 8000;

export interface TenantPolicyDeps {
  db: Database;
  clock: Clock;
  bus: EventBus;
  access: TenantAccess;
}

/**
 * Allows or denies a tenant: here from the next request on, and at the provider as far as it lets us
 * now. `keys.pending` says what is left to the job.
 *
 * @throws HttpProblem 404 `tenant-not-found`, 409 `tenant-purging`
 */
export async function setPolicy(
  deps: TenantPolicyDeps,
  ref: string,
  { policy, reason }: SetPolicy,
  actor: Actor,
): Promise<ShownTenant> {
  const { db, clock } = deps;
  const now = new Date(clock.now()).toISOString();
  const tenant = await db.transaction().execute(async (transaction) => {
    const { id } = await requireTenant(transaction, ref);
    // A key that is being issued is committed before this, and made inactive below, or refused.
    await lockTenant(transaction, id);
    const found = await requireTenant(transaction, id);
    assertNotPurging(found.status);
    const row = { policy, reason: reason ?? null, updated_by: actor.actor, updated_at: now };
    await transaction
      .insertInto('tenant_policies')
      .values({ tenant_id: id, ...row })
      .onConflict((conflict) => conflict.column('tenant_id').doUpdateSet(row))
      .execute();
    await recordAudit(transaction, clock, {
      ...actor,
      type: policy === 'allowed' ? 'TenantAllowedEvent' : 'TenantDeniedEvent',
      tenantId: id,
      subjectId: id,
      data: { slug: found.slug, ...(reason === undefined ? {} : { reason }) },
    });
    return found;
  });
  return enforceAccess(deps, tenant.id);
}

/** After a change of policy or status was committed: tells clients, and sets the keys. */
export async function enforceAccess(deps: TenantPolicyDeps, id: string): Promise<ShownTenant> {
  const { db, clock, bus, access } = deps;
  const tenant = await requireTenant(db, id);
  const policy = mayUseBucket(tenant) ? 'allowed' : 'denied';
  // Who hears it looks at once; who does not meets it with the next request.
  const announce = (): Promise<unknown> =>
    bus.publish(id, [{ type: 'policy-changed', policy }]).catch(() => undefined);
  // A watcher that is told of its return should find its key working.
  if (policy === 'denied') await announce();
  await access.apply(id, clock.now() + WAIT_MS).catch(() => undefined);
  if (policy === 'allowed') await announce();
  return showTenant(db, clock, await requireTenant(db, id));
}

/** @throws HttpProblem 409 `tenant-purging` */
export function assertNotPurging(status: string): void {
  if (status !== 'purging') return;
  throw new HttpProblem(409, 'tenant-purging', 'This tenant is being purged.');
}
