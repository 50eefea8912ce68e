import type { Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import { recordAudit, type Actor } from '../domain/audit.ts';

/** A session that is not refreshed ends after so many milliseconds. */
export const IDLE_MS = 30 * 86_400_000;

/** Ends it with what was issued for it; it is recorded once. */
export async function endSession(
  transaction: Transaction<Schema>,
  clock: Clock,
  id: string,
  actor: Actor,
  reason: string,
): Promise<void> {
  const { numUpdatedRows } = await transaction
    .updateTable('sessions')
    .set({ ended_at: new Date(clock.now()).toISOString() })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return;
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'SessionRevokedEvent',
    subjectId: id,
    data: { reason },
  });
}
