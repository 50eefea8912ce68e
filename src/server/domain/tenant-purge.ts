import { sql, type Transaction } from 'kysely';
import type { PurgeState } from '../../api/contract/admin.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { invalidField, type HttpProblem } from '../errors.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { recordAudit, type Actor } from './audit.ts';
import type { Intents } from './intents.ts';
import { lockTenant } from './limits.ts';
import { deleteAtProvider } from './mount-credentials.ts';
import { cleanUp } from './recovery.ts';
import { findTenant, requireTenant } from './tenant-view.ts';

interface PurgeDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  intents: Intents;
  bus: EventBus;
}

/** How long a request waits for the purge that it asked for, in milliseconds. */
const WAIT_MS = 8000;

/**
 * Takes everything of a tenant away: keys and policies, the bucket, the rows. What is in the status
 * `purging` goes on until it is over: each step may be repeated, and the status is the journal.
 */
export class Purges {
  readonly #deps: PurgeDeps;
  readonly #running = new Map<string, Promise<PurgeState>>();
  constructor(deps: PurgeDeps) {
    this.#deps = deps;
  }

  /**
   * From here on there is no way back, whatever happens to this process.
   *
   * @throws HttpProblem 404 `tenant-not-found`; 422 when `confirm` is not its slug
   */
  async begin(ref: string, confirm: string, actor: Actor): Promise<PurgeState> {
    const { db, clock, bus } = this.#deps;
    const tenant = await db.transaction().execute(async (transaction) => {
      const { id } = await requireTenant(transaction, ref);
      await lockTenant(transaction, id);
      const found = await requireTenant(transaction, id);
      if (confirm !== found.slug) throw notConfirmed(found.slug);
      if (found.status !== 'purging') {
        await markPurging(transaction, clock, id);
        await recordAudit(transaction, clock, {
          ...actor,
          type: 'TenantPurgeStartedEvent',
          tenantId: id,
          subjectId: id,
          data: { slug: found.slug, bucket_name: found.bucket_name },
        });
      }
      return found;
    });
    const denied = { type: 'policy-changed', policy: 'denied' } as const;
    await bus.publish(tenant.id, [denied]).catch(() => undefined);
    return this.soon(tenant.id, tenant.slug);
  }

  /** Goes on, and waits for the end or for as long as a request may take. */
  async soon(id: string, slug: string): Promise<PurgeState> {
    const answered = new AbortController();
    const later = this.#deps.clock
      .sleep(WAIT_MS, answered.signal)
      .then((): PurgeState => ({ id, slug, status: 'purging', problem: null }));
    later.catch(() => undefined);
    try {
      return await Promise.race([this.goOn(id), later]);
    } finally {
      answered.abort();
    }
  }

  /** All that are not over. @returns how they are now */
  async goOnWithAll(): Promise<PurgeState[]> {
    const rows = await this.#deps.db
      .selectFrom('tenants')
      .select('id')
      // Written out, so that SQLite sees which index has only these.
      .where('status', '=', sql.lit('purging'))
      .execute();
    const states: PurgeState[] = [];
    for (const { id } of rows) states.push(await this.goOn(id));
    return states;
  }

  /** One at a time for a tenant; who comes meanwhile waits for the same. Never rejects. */
  goOn(id: string): Promise<PurgeState> {
    const running = this.#running.get(id);
    if (running !== undefined) return running;
    const run = this.#run(id).finally(() => this.#running.delete(id));
    this.#running.set(id, run);
    return run;
  }

  async #run(id: string): Promise<PurgeState> {
    const tenant = await findTenant(this.#deps.db, id).catch(() => undefined);
    const about = { id, slug: tenant?.slug ?? '' };
    try {
      if (tenant?.status === 'purging') await this.#takeAway(id, tenant.bucket_name, about.slug);
      return { ...about, status: 'purged', problem: null };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { ...about, status: 'purging', problem };
    }
  }

  async #takeAway(id: string, bucket: string, slug: string): Promise<void> {
    const { db, clock, storage } = this.#deps;
    await this.#takeKeys(id);
    await storage.destroyBucket(bucket);
    await db.transaction().execute(async (transaction) => {
      await lockTenant(transaction, id);
      // Another process may have been faster, or an operator has given up what was left.
      if ((await findTenant(transaction, id))?.status !== 'purging') return;
      await endPurge(transaction, clock, { id, slug, bucket }, { actor: 'server' });
    });
  }

  async #takeKeys(id: string): Promise<void> {
    const { db, intents } = this.#deps;
    const owed = await db
      .selectFrom('tenant_mount_credentials')
      .selectAll()
      .where('tenant_id', '=', id)
      .where('tigris_deletion_status', '<>', 'completed')
      .where('deletion_abandoned_at', 'is', null)
      .execute();
    for (const row of owed) {
      const error = await deleteAtProvider(this.#deps, row);
      if (error !== undefined) throw new Error('The object storage did not delete a key.');
    }
    const looked: string[] = [];
    for (const intent of (await intents.unfinished()).filter((each) => each.tenant_id === id)) {
      if (!(await intents.take(intent.id))) continue;
      // What may still turn up is not waited for: the intent stays, and later rounds look again.
      await cleanUp(this.#deps, intent);
      looked.push(intent.id);
    }
    const underWay = await db
      .selectFrom('provisioning_intents')
      .select('id')
      .where('tenant_id', '=', id)
      .$if(looked.length > 0, (query) => query.where('id', 'not in', looked))
      .executeTakeFirst();
    if (underWay !== undefined) throw new Error('A key is just being issued.');
  }
}

async function markPurging(
  transaction: Transaction<Schema>,
  clock: Clock,
  id: string,
): Promise<void> {
  const now = new Date(clock.now()).toISOString();
  await transaction
    .updateTable('tenants')
    .set({ status: 'purging', updated_at: now })
    .where('id', '=', id)
    .execute();
  await transaction
    .updateTable('tenant_mount_credentials')
    .set({ revoked_at: now, updated_at: now })
    .where('tenant_id', '=', id)
    .where('revoked_at', 'is', null)
    .execute();
}

/** The rows go, whatever is at the storage. Behind `lockTenant`. */
export async function endPurge(
  transaction: Transaction<Schema>,
  clock: Clock,
  { id, slug, bucket }: { id: string; slug: string; bucket: string },
  actor: Actor,
): Promise<void> {
  await deleteRows(transaction, id);
  await transaction
    .updateTable('tenants')
    .set({
      status: 'purged',
      // What is left says that there was one. Its name is free for another.
      ...{ slug: `purged-${id}`, name: '', sync_url: null, limits: null },
      updated_at: new Date(clock.now()).toISOString(),
    })
    .where('id', '=', id)
    .execute();
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'TenantPurgedEvent',
    tenantId: id,
    subjectId: id,
    data: { slug, bucket_name: bucket },
  });
}

async function deleteRows(transaction: Transaction<Schema>, id: string): Promise<void> {
  for (const table of [
    ...(['memberships', 'device_codes', 'sessions', 'credentials', 'tenant_policies'] as const),
    ...(['tenant_mount_credentials', 'tenant_events', 'tenant_slug_history'] as const),
  ]) {
    await transaction.deleteFrom(table).where('tenant_id', '=', id).execute();
  }
}

function notConfirmed(slug: string): HttpProblem {
  return invalidField('confirm', `To purge this tenant, confirm its slug: ${slug}.`);
}
