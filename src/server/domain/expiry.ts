import type { ExpressionBuilder } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit } from './audit.ts';
import { takeTurns } from './turns.ts';

interface ExpiryDeps {
  db: Database;
  clock: Clock;
}

const AT_ONCE = 200;
/** Rows that are looked at before others have their turn: a few milliseconds. */
const BATCH = 2000;
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
  const inForce = keysInForce(db).select('id');
  // Each by its own index: for an `or`, and for `union` that drops doubles, SQLite reads all keys.
  const expired = inForce
    .where('expires_at', '<=', now)
    .unionAll(inForce.where('confirm_by', '<=', now).where('confirmed_at', 'is', null));
  if (dryRun) {
    const { count } = await db
      .selectFrom(expired.as('expired'))
      .select((select) => select.fn.count('id').distinct().as('count'))
      .executeTakeFirstOrThrow();
    return Number(count);
  }
  for (let total = 0; ;) {
    signal.throwIfAborted();
    const ended = await db.transaction().execute(async (transaction) => {
      const rows = await transaction
        .updateTable('tenant_mount_credentials')
        .set({ revoked_at: now, updated_at: now })
        .where('id', 'in', expired.limit(AT_ONCE))
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
    // Not where there were fewer: what is over in both ways was taken twice.
    if (ended === 0) return total;
  }
}

/** Keys in force that nobody has confirmed or used for a month: their ids, the oldest first. */
export async function findUnused({ db, clock }: ExpiryDeps): Promise<string[]> {
  const before = new Date(clock.now() - UNUSED_MS).toISOString();
  const turn = takeTurns();
  let oldest: { id: string; created_at: string }[] = [];
  for (let after = ''; ;) {
    const last = await lastOfBatch(db, after);
    const rows = await keysInForce(db)
      .select(['id', 'created_at'])
      .where('tenant_id', '>', after)
      .$if(last !== undefined, (query) => query.where('tenant_id', '<=', last ?? ''))
      .where('created_at', '<', before)
      .where((where) =>
        where.or([where('last_used_at', 'is', null), where('last_used_at', '<', before)]),
      )
      .orderBy('created_at')
      .limit(REPORTED)
      .execute();
    oldest = [...oldest, ...rows]
      .toSorted((one, two) => (one.created_at < two.created_at ? -1 : 1))
      .slice(0, REPORTED);
    if (last === undefined) return oldest.map(({ id }) => id);
    after = last;
    await turn();
  }
}

/** The tenant up to which there are about so many keys; undefined: there are fewer. */
async function lastOfBatch(db: Database, after: string): Promise<string | undefined> {
  const row = await keysInForce(db)
    .select('tenant_id')
    .where('tenant_id', '>', after)
    .orderBy('tenant_id')
    .offset(BATCH - 1)
    .limit(1)
    .executeTakeFirst();
  return row?.tenant_id;
}

function keysInForce(db: Database) {
  return db.selectFrom('tenant_mount_credentials').where('revoked_at', 'is', null);
}
