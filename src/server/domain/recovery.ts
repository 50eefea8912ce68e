import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { StorageError, type StorageProvider } from '../storage/provider.ts';
import { recordAudit } from './audit.ts';
import type { Intent, Intents } from './intents.ts';
import { removeLeftovers } from './leftovers.ts';
import { deleteAtProvider } from './mount-credentials.ts';

interface RecoveryDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  intents: Intents;
}

export interface RecoveryReport {
  /** Unfinished creations whose leftovers are gone. */
  cleaned: number;
  /** Revoked credentials whose key and policy are gone now. */
  deleted: number;
  /** What did not succeed this time and stays for the next. */
  postponed: number;
}

/**
 * A call that we gave up on may still be carried out by the provider. Until an intent is this old
 * (milliseconds), its leftovers are removed but the row is kept and looked at again.
 */
const SETTLED_AFTER_MS = 120_000;

/**
 * Finishes what a crash or an unreachable provider left undone. Safe to run at any time; a provider
 * that does not answer is asked once.
 */
export async function recover(deps: RecoveryDeps): Promise<RecoveryReport> {
  const report: RecoveryReport = { cleaned: 0, deleted: 0, postponed: 0 };
  for (const intent of await deps.intents.unfinished()) {
    try {
      await cleanUp(deps, intent);
      report.cleaned += 1;
    } catch (error) {
      await deps.intents.noteFailure(intent.id, error);
      report.postponed += 1;
      if (error instanceof StorageError && error.status === 0) return report;
    }
  }
  const owed = await deps.db
    .selectFrom('tenant_mount_credentials')
    .selectAll()
    .where('revoked_at', 'is not', null)
    .where('tigris_deletion_status', '<>', 'completed')
    .execute();
  for (const row of owed) {
    if (await deleteAtProvider(deps, row)) report.deleted += 1;
    else {
      report.postponed += 1;
      return report;
    }
  }
  return report;
}

async function cleanUp(deps: RecoveryDeps, intent: Intent): Promise<void> {
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
