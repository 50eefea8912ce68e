import type { ExpressionBuilder } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit } from './audit.ts';

interface ExpiryDeps {
  db: Database;
  clock: Clock;
}

const AT_ONCE = 200;
/** Without a sign of use for so long a key is worth a look; milliseconds. */
const UNUSED_MS = 30 * 86_400_000;
const REPORTED = 100;

/**
 * Revokes bucket keys whose time is over: the storage refuses them already, and this has key and
 * policy deleted there. So it does with those that were to be confirmed and were not: their answer
 * was lost, and nobody has their secret.
 *
 * @returns how many there were
 */
export async function revokeExpired(
  { db, clock }: ExpiryDeps,
  { dryRun, signal }: { dryRun: boolean; signal: AbortSignal },
): Promise<number> {
  const now = new Date(clock.now()).toISOString();
  const isOver = (where: ExpressionBuilder<Schema, 'tenant_mount_credentials'>) =>
    where.or([
      where('expires_at', '<=', now),
      where.and([where('confirm_by', '<=', now), where('confirmed_at', 'is', null)]),
    ]);
  const expired = db
    .selectFrom('tenant_mount_credentials')
    .where('revoked_at', 'is', null)
    .where(isOver);
  if (dryRun) {
    const { count } = await expired
      .select((select) => select.fn.countAll().as('count'))
      .executeTakeFirstOrThrow();
    return Number(count);
  }
  for (let total = 0; ;) {
    signal.throwIfAborted();
    const ended = await db.transaction().execute(async (transaction) => {
      const rows = await transaction
        .updateTable('tenant_mount_credentials')
        .set({ revoked_at: now, updated_at: now })
        .where('id', 'in', expired.select('id').limit(AT_ONCE))
        .where('revoked_at', 'is', null)
        // Asked again of each row: it may have been confirmed meanwhile.
        .where(isOver)
        .returning(['id', 'tenant_id', 'access_key', 'expires_at'])
        .execute();
      for (const { id, tenant_id: tenantId, access_key, expires_at: end } of rows) {
        const reason = end !== null && end <= now ? 'expired' : 'not confirmed in time';
        await recordAudit(transaction, clock, {
          actor: 'server',
          type: 'MountCredentialRevokedEvent',
          tenantId,
          subjectId: id,
          data: { access_key, reason },
        });
      }
      return rows.length;
    });
    total += ended;
    if (ended < AT_ONCE) return total;
  }
}

/** Keys in force that nobody has confirmed or used for a month: their ids, the oldest first. */
export async function findUnused({ db, clock }: ExpiryDeps): Promise<string[]> {
  const before = new Date(clock.now() - UNUSED_MS).toISOString();
  const rows = await db
    .selectFrom('tenant_mount_credentials')
    .select('id')
    .where('revoked_at', 'is', null)
    .where('created_at', '<', before)
    .where((where) =>
      where.or([where('last_used_at', 'is', null), where('last_used_at', '<', before)]),
    )
    .orderBy('created_at')
    .limit(REPORTED)
    .execute();
  return rows.map(({ id }) => id);
}
