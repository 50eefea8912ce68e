import type { Selectable } from 'kysely';
import type { Tenant } from '../../api/contract/admin.ts';
import type { MountCredentialList } from '../../api/contract/mount.ts';
import type { Clock } from '../../platform/clock.ts';
import type { TenantMountCredentialsTable } from '../db/schema.ts';
import { prepare } from '../db/prepared.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';
import type { EventBus } from '../events/event-bus.ts';
import type { StorageProvider } from '../storage/provider.ts';
import { recordAudit, type Actor } from './audit.ts';

export interface MountCredentialDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
}

export interface RevocationDeps extends MountCredentialDeps {
  bus: EventBus;
}

type Row = Selectable<TenantMountCredentialsTable>;

/** After so many failures a deletion is `failed`, and an operator should look. */
const ATTEMPTS_UNTIL_FAILED = 6;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;
const LATE_PAUSE_MS = 86_400_000;

export async function listMountCredentials(
  deps: MountCredentialDeps,
  tenant: Tenant,
  own: ReadonlySet<string>,
): Promise<MountCredentialList> {
  const rows = await active(deps, tenant);
  return {
    credentials: rows.map((row) => ({
      id: row.id,
      access_key: row.access_key,
      description: row.description,
      permission: row.permission,
      prefix: row.prefix,
      created_at: row.created_at,
      confirmed_at: row.confirmed_at,
      last_used_at: row.last_used_at,
      expires_at: row.expires_at,
      source_ips: row.source_ips?.split(' ') ?? null,
      mine: own.has(row.created_by),
      // Once the old one is gone, this one is like any other.
      replaces: rows.some(({ id }) => id === row.replaces) ? row.replaces : null,
    })),
  };
}

/** Neither revoked nor expired, newest first. */
export function active({ db, clock }: Pick<MountCredentialDeps, 'db' | 'clock'>, tenant: Tenant) {
  return activeOf(db, { tenant: tenant.id, now: new Date(clock.now()).toISOString() });
}

const activeOf = prepare(['tenant', 'now'], (db, { tenant, now }) =>
  db
    .selectFrom('tenant_mount_credentials')
    .select(['id', 'access_key', 'description', 'permission', 'prefix', 'source_ips'])
    .select(['created_by', 'created_at', 'expires_at', 'confirmed_at', 'last_used_at', 'replaces'])
    .where('tenant_id', '=', tenant)
    .where('revoked_at', 'is', null)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc'),
);

/**
 * The client says that it uses the key: the first time is recorded, later ones are a heartbeat.
 *
 * @throws HttpProblem 404; 503 `credential-pending` while the key is being made active again
 */
export async function confirmMountCredential(
  deps: MountCredentialDeps,
  tenant: Tenant,
  id: string,
  actor: Actor,
): Promise<void> {
  const { db, clock } = deps;
  const now = new Date(clock.now()).toISOString();
  await db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('tenant_mount_credentials')
      .select(['confirmed_at', 'revoked_at', 'provider_status'])
      .where('id', '=', id)
      .where('tenant_id', '=', tenant.id)
      .forUpdate()
      .executeTakeFirst();
    if (row?.revoked_at !== null) throw noSuchCredential();
    // Whoever was just let in again would take a key that is still refused for a dead one.
    if (row.provider_status !== 'active') throw notActiveYet();
    await transaction
      .updateTable('tenant_mount_credentials')
      .set({ confirmed_at: row.confirmed_at ?? now, last_used_at: now, updated_at: now })
      .where('id', '=', id)
      .execute();
    if (row.confirmed_at !== null) return;
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'MountCredentialConfirmedEvent',
      tenantId: tenant.id,
      subjectId: id,
    });
  });
}

/**
 * Ends a credential here at once and at the provider: key first, then policy. Repeating it is
 * allowed and does what is still owed.
 *
 * @param mayRevoke whether the caller may end the credential that this actor created
 * @throws HttpProblem 404; 403 `not-yours`; 503 `revocation-pending` when the provider has not
 *   confirmed it, so that nobody takes a key for dead that still opens the bucket
 */
export async function revokeMountCredential(
  deps: RevocationDeps,
  tenant: Tenant,
  id: string,
  actor: Actor,
  mayRevoke: (createdBy: string) => boolean,
): Promise<void> {
  const row = await markRevoked(deps, tenant, id, actor, mayRevoke);
  if (row.tigris_deletion_status === 'completed') return;
  await announceRevocation(deps, tenant.id, id);
  if ((await deleteAtProvider(deps, row)) !== undefined) {
    throw new HttpProblem(503, 'revocation-pending', 'The object storage has not confirmed it.', {
      detail: 'The credential is revoked here; its key is deleted as soon as the storage answers.',
      headers: { 'retry-after': '2' },
    });
  }
}

/** A hint that cannot be given must not keep a key alive. */
export async function announceRevocation(
  { bus }: RevocationDeps,
  tenantId: string,
  id: string,
): Promise<void> {
  await bus
    .publish(tenantId, [{ type: 'credential-revoked', credential_id: id, dedupe: `revoked ${id}` }])
    .catch(() => undefined);
}

async function markRevoked(
  { db, clock }: MountCredentialDeps,
  tenant: Tenant,
  id: string,
  actor: Actor,
  mayRevoke: (createdBy: string) => boolean,
): Promise<Row> {
  const now = new Date(clock.now()).toISOString();
  return db.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('tenant_mount_credentials')
      .selectAll()
      .where('id', '=', id)
      .where('tenant_id', '=', tenant.id)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) throw noSuchCredential();
    if (!mayRevoke(row.created_by)) {
      throw new HttpProblem(403, 'not-yours', 'Somebody else created this credential.');
    }
    if (row.revoked_at !== null) return row;
    await transaction
      .updateTable('tenant_mount_credentials')
      .set({ revoked_at: now, updated_at: now })
      .where('id', '=', id)
      .execute();
    await recordAudit(transaction, clock, {
      ...actor,
      type: 'MountCredentialRevokedEvent',
      tenantId: tenant.id,
      subjectId: id,
      data: { access_key: row.access_key },
    });
    return { ...row, revoked_at: now };
  });
}

/**
 * Tries once, and writes down how it went and when it is tried again.
 *
 * @returns why key and policy may still be there; undefined: they are gone
 */
export async function deleteAtProvider(
  { db, clock, storage }: MountCredentialDeps,
  row: Row,
): Promise<Error | undefined> {
  try {
    await storage.deleteAccessKey(row.access_key);
    await storage.deletePolicy(row.policy_arn);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    await noteFailedDeletion({ db, clock }, row, error);
    return error;
  }
  await db
    .updateTable('tenant_mount_credentials')
    .set({
      tigris_deletion_status: 'completed',
      deletion_last_error: null,
      deletion_due_at: null,
      updated_at: new Date(clock.now()).toISOString(),
    })
    .where('id', '=', row.id)
    .execute();
  return undefined;
}

async function noteFailedDeletion(
  { db, clock }: Pick<MountCredentialDeps, 'db' | 'clock'>,
  row: Row,
  error: Error,
): Promise<void> {
  const attempts = row.deletion_attempts + 1;
  const failed = attempts >= ATTEMPTS_UNTIL_FAILED;
  await db.transaction().execute(async (transaction) => {
    await transaction
      .updateTable('tenant_mount_credentials')
      .set({
        deletion_attempts: attempts,
        deletion_last_error: error.message,
        deletion_due_at: new Date(clock.now() + pauseAfter(attempts)).toISOString(),
        tigris_deletion_status: failed ? 'failed' : 'pending',
        updated_at: new Date(clock.now()).toISOString(),
      })
      .where('id', '=', row.id)
      .execute();
    if (!failed || row.tigris_deletion_status === 'failed') return;
    await recordAudit(transaction, clock, {
      actor: 'server',
      type: 'MountCredentialDeletionFailedEvent',
      tenantId: row.tenant_id,
      subjectId: row.id,
      data: { access_key: row.access_key, attempts },
    });
  });
}

/** A minute, doubled up to an hour, and a quarter more or less; daily once it is `failed`. */
function pauseAfter(attempts: number): number {
  const pause =
    attempts >= ATTEMPTS_UNTIL_FAILED
      ? LATE_PAUSE_MS
      : Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), LONGEST_PAUSE_MS);
  return pause * (0.75 + Math.random() / 2);
}

function notActiveYet(): HttpProblem {
  return new HttpProblem(503, 'credential-pending', 'The storage has not activated this key yet.', {
    headers: { 'retry-after': '5' },
  });
}

/** A foreign one and one that never was look the same. */
export function noSuchCredential(): HttpProblem {
  return new HttpProblem(404, 'credential-not-found', 'There is no such credential.');
}
