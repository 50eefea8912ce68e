import type { Selectable, Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import type { Schema, TenantMountCredentialsTable } from '../db/schema.ts';
import { recordAudit, type Actor } from './audit.ts';
import { isOutOfReach } from './leftovers.ts';
import { announceRevocation, deleteAtProvider, type RevocationDeps } from './mount-credentials.ts';

type Row = Selectable<TenantMountCredentialsTable>;

/** Whose bucket keys are meant: of these creators, in one tenant or all, and which kind. */
export interface RevocationFilter {
  subjects: ReadonlySet<string>;
  tenantId?: string;
  permission?: 'rw';
}

/** Marks them as revoked, inside the transaction of what is the reason. */
export async function revokeMountCredentialsOf(
  transaction: Transaction<Schema>,
  clock: Clock,
  { subjects, tenantId, permission }: RevocationFilter,
  actor: Actor,
): Promise<Row[]> {
  const now = new Date(clock.now()).toISOString();
  const rows = await transaction
    .updateTable('tenant_mount_credentials')
    .set({ revoked_at: now, updated_at: now })
    .where('created_by', 'in', [...subjects])
    .where('revoked_at', 'is', null)
    .$if(tenantId !== undefined, (query) => query.where('tenant_id', '=', tenantId ?? ''))
    .$if(permission !== undefined, (query) => query.where('permission', '=', 'rw'))
    .returningAll()
    .execute();
  for (const row of rows) {
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'MountCredentialRevokedEvent',
      tenantId: row.tenant_id,
      subjectId: row.id,
      data: { access_key: row.access_key },
    });
  }
  return rows;
}

/** How long whoever revokes many keys waits for the storage, in milliseconds; a job goes on with the rest. */
const WAIT_MS = 8000;

/** After the commit: tells clients, and deletes at the storage what it lets us in time. */
export async function finishRevocations(deps: RevocationDeps, rows: readonly Row[]): Promise<void> {
  for (const row of rows) await announceRevocation(deps, row.tenant_id, row.id);
  const until = deps.clock.now() + WAIT_MS;
  for (const row of rows) {
    if (isOutOfReach(await deleteAtProvider(deps, row)) || deps.clock.now() >= until) return;
  }
}
