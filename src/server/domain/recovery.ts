import { sql } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { recordAudit } from './audit.ts';
import type { Intent, Intents } from './intents.ts';
import { isOutOfReach, removeLeftovers } from './leftovers.ts';
import { deleteAtProvider } from './mount-credentials.ts';

export interface RecoveryDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  intents: Intents;
}

/** What did not succeed this time is `postponed` to the next. */
export interface UnfinishedReport {
  cleaned: number;
  postponed: number;
}

export interface DeletionReport {
  deleted: number;
  postponed: number;
}

/**
 * A call that we gave up on may still be carried out by the provider. Until an intent is this old
 * (milliseconds), its leftovers are removed but the row is kept and looked at again.
 */
export const SETTLED_AFTER_MS = 120_000;

/**
 * Removes what unfinished creations have left at the provider. Safe to run at any time; a provider
 * that does not answer is asked once.
 */
export async function finishUnfinished(
  deps: RecoveryDeps,
  signal?: AbortSignal,
): Promise<UnfinishedReport> {
  const report: UnfinishedReport = { cleaned: 0, postponed: 0 };
  for (const intent of await deps.intents.unfinished()) {
    signal?.throwIfAborted();
    // Another process may be faster, or the request may just have come to its end.
    if (!(await deps.intents.take(intent.id))) continue;
    try {
      await cleanUp(deps, intent);
      report.cleaned += 1;
    } catch (error) {
      await deps.intents.noteFailure(intent.id, error);
      report.postponed += 1;
      if (isOutOfReach(error)) return report;
    }
  }
  return report;
}

/**
 * Deletes at the provider the keys and policies of credentials that are revoked.
 *
 * @param all also those whose next try is not due yet
 */
export async function deleteOwed(
  deps: Omit<RecoveryDeps, 'intents'>,
  { all = false, signal }: { all?: boolean; signal?: AbortSignal } = {},
): Promise<DeletionReport> {
  const report: DeletionReport = { deleted: 0, postponed: 0 };
  const now = new Date(deps.clock.now()).toISOString();
  const owed = await deps.db
    .selectFrom('tenant_mount_credentials')
    .selectAll()
    .where('revoked_at', 'is not', null)
    // Written out, so that SQLite sees which index has only these.
    .where('tigris_deletion_status', '<>', sql.lit('completed'))
    .where('deletion_abandoned_at', 'is', null)
    .$if(!all, (query) =>
      query.where((where) =>
        where.or([where('deletion_due_at', 'is', null), where('deletion_due_at', '<=', now)]),
      ),
    )
    .orderBy('revoked_at')
    .execute();
  for (const row of owed) {
    signal?.throwIfAborted();
    const error = await deleteAtProvider(deps, row);
    if (error === undefined) report.deleted += 1;
    else report.postponed += 1;
    if (isOutOfReach(error)) return report;
  }
  return report;
}

/**
 * Removes what is there of it now. The row goes only when nothing more can turn up; until then it
 * outlives even its tenant. The caller has taken the intent.
 */
export async function cleanUp(deps: RecoveryDeps, intent: Intent): Promise<void> {
  const { db, clock, storage, intents } = deps;
  if (intent.kind === 'tenant') {
    // The tenant's row comes with the transaction that deletes the intent: there is none.
    if (intent.bucket_name !== null) await storage.deleteBucket(intent.bucket_name);
  } else if (await removeLeftovers(storage, intent.id)) {
    await db.transaction().execute((transaction) =>
      recordAudit(transaction, clock, {
        actor: 'server',
        type: 'MountCredentialOrphanedEvent',
        tenantId: intent.tenant_id,
        subjectId: intent.id,
        data: { reason: 'issuance was not finished' },
      }),
    );
  }
  if (clock.now() - Date.parse(intent.created_at) >= SETTLED_AFTER_MS) {
    await intents.finish(db, intent.id);
  }
}
