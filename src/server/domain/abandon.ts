import type { Kysely, Selectable, Transaction } from 'kysely';
import type { AbandonedItem, AbandonedState, Tenant } from '../../api/contract/admin.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema, TenantMountCredentialsTable } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem, invalidField } from '../errors.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { recordAudit, type Actor } from './audit.ts';
import type { Intents } from './intents.ts';
import { keyLabel } from './leftovers.ts';
import { lockTenant } from './limits.ts';
import { endPurge, type Purges } from './tenant-purge.ts';
import { requireTenant } from './tenant-view.ts';

export interface AbandonDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  intents: Intents;
  purges: Purges;
}

type Credential = Selectable<TenantMountCredentialsTable>;

/**
 * What would be left at the storage if its deletion were given up now: of a purge that does not end
 * all that is not gone; of any other tenant the keys whose deletion has `failed`. Changes nothing.
 *
 * @throws HttpProblem 404 `tenant-not-found`
 */
export async function planAbandon(deps: AbandonDeps, ref: string): Promise<AbandonedState> {
  const tenant = await requireTenant(deps.db, ref);
  const { id, slug, status } = tenant;
  const hasBucket = await mayHaveBucket(deps, tenant);
  return { id, slug, status, left: await leftOf(deps.db, tenant, hasBucket) };
}

/**
 * Gives up what the storage goes on refusing. A purge ends here without what is left there; of a key
 * its deletion is not tried again. The names are in the audit trail, and `drift` goes on showing what
 * it sees.
 *
 * @param confirm the slug of the tenant
 * @throws HttpProblem 404; 409 `purge-running`, `nothing-to-abandon`; 422 when `confirm` is wrong
 */
export async function abandonDeletion(
  deps: AbandonDeps,
  ref: string,
  confirm: string,
  actor: Actor,
): Promise<AbandonedState> {
  const tenant = await requireTenant(deps.db, ref);
  const { id, slug } = tenant;
  if (confirm !== slug) throw notConfirmed(slug);
  if (tenant.status === 'purging') {
    // Once more: the storage may have changed its mind.
    const { status, problem } = await deps.purges.soon(id, slug);
    if (status === 'purged') return { id, slug, status, left: [] };
    if (problem === null) throw stillRunning();
  }
  const taken = tenant.status === 'purging' ? await takeIntents(deps, id) : [];
  // Asked before rows are locked: it may take its time.
  const hasBucket = await mayHaveBucket(deps, tenant);
  return deps.db.transaction().execute(async (transaction) => {
    await lockTenant(transaction, id);
    const now = await requireTenant(transaction, id);
    const left = await leftOf(transaction, now, hasBucket);
    if (now.status !== tenant.status || left.length === 0) throw nothingToAbandon();
    for (const { kind, name } of left) {
      await recordAudit(transaction, deps.clock, {
        ...actor,
        type: 'DeletionAbandonedEvent',
        tenantId: id,
        subjectId: id,
        data: { slug, kind, name },
      });
    }
    for (const intent of taken) await deps.intents.finish(transaction, intent);
    if (now.status !== 'purging') {
      await markAbandoned(transaction, deps.clock, left);
      return { id, slug, status: now.status, left };
    }
    await endPurge(transaction, deps.clock, { id, slug, bucket: now.bucket_name }, actor);
    return { id, slug, status: 'purged', left };
  });
}

/** What issuing a key has left; nobody else may be at work on it. @throws HttpProblem 409 */
async function takeIntents({ db, intents }: AbandonDeps, tenantId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('provisioning_intents')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .execute();
  for (const { id } of rows) if (!(await intents.take(id))) throw stillRunning();
  return rows.map(({ id }) => id);
}

/** A storage that does not say is one that may have it. */
async function mayHaveBucket(
  { storage }: Pick<AbandonDeps, 'storage'>,
  { status, bucket_name: bucket }: Tenant,
): Promise<boolean> {
  return status === 'purging' && (await storage.hasBucket(bucket).catch(() => true));
}

async function leftOf(
  db: Kysely<Schema>,
  { id: tenantId, status, bucket_name: bucket }: Tenant,
  hasBucket: boolean,
): Promise<AbandonedItem[]> {
  const isPurge = status === 'purging';
  const keys = await owedOf(db, tenantId)
    .$if(!isPurge, (query) => query.where('tigris_deletion_status', '=', 'failed'))
    .execute();
  const items = keys.flatMap((row): AbandonedItem[] => [
    { kind: 'access-key', name: row.access_key, detail: reasonOf(row) },
    { kind: 'policy', name: row.policy_arn, detail: null },
  ]);
  if (!isPurge) return items;
  const intents = await db
    .selectFrom('provisioning_intents')
    .select(['id', 'last_error'])
    .where('tenant_id', '=', tenantId)
    .execute();
  for (const { id, last_error: detail } of intents) {
    items.push({ kind: 'access-key', name: keyLabel(id), detail });
  }
  return hasBucket ? [...items, { kind: 'bucket', name: bucket, detail: null }] : items;
}

function owedOf(db: Kysely<Schema>, tenantId: string) {
  return db
    .selectFrom('tenant_mount_credentials')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('revoked_at', 'is not', null)
    .where('tigris_deletion_status', '<>', 'completed')
    .where('deletion_abandoned_at', 'is', null)
    .orderBy('created_at');
}

function reasonOf({ deletion_last_error: reason, deletion_attempts: tries }: Credential): string {
  return `attempt ${tries}${reason === null ? '' : `: ${reason}`}`;
}

async function markAbandoned(
  transaction: Transaction<Schema>,
  clock: Clock,
  left: readonly AbandonedItem[],
): Promise<void> {
  const now = new Date(clock.now()).toISOString();
  const keys = left.filter(({ kind }) => kind === 'access-key').map(({ name }) => name);
  await transaction
    .updateTable('tenant_mount_credentials')
    .set({ deletion_abandoned_at: now, updated_at: now })
    .where('access_key', 'in', keys)
    .execute();
}

function notConfirmed(slug: string): HttpProblem {
  return invalidField(
    'confirm',
    `To give up what is left of this tenant, confirm its slug: ${slug}.`,
  );
}

function stillRunning(): HttpProblem {
  return new HttpProblem(409, 'purge-running', 'The purge is under way.', {
    detail: 'The storage has not refused anything yet. Try again in a moment.',
  });
}

function nothingToAbandon(): HttpProblem {
  return new HttpProblem(409, 'nothing-to-abandon', 'There is nothing to give up.', {
    detail: 'No purge of this tenant is stuck, and no deletion of its keys has failed for good.',
  });
}
