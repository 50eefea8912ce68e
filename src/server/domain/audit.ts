import { createHash, randomUUID } from 'node:crypto';
import type { Transaction } from 'kysely';
import type { Clock } from '../../platform/clock.ts';
import { lockInTransaction } from '../db/dialect.ts';
import type { Schema } from '../db/schema.ts';

/** Who did it: `user:<id>`, `credential:<id>`, `server`, or `anonymous` on the device page. */
export interface Actor {
  actor: string;
  /** Undefined when no request caused it. */
  requestId?: string | undefined;
}

type AuditType =
  | 'MountCredentialCreatedEvent'
  | 'MountCredentialRevokedEvent'
  | 'MountCredentialConfirmedEvent'
  | 'MountCredentialDeletionFailedEvent'
  | 'MountCredentialOrphanedEvent'
  | 'TenantCreatedEvent'
  | 'TenantAllowedEvent'
  | 'TenantDeniedEvent'
  | 'TenantChangedEvent'
  | 'TenantRenamedEvent'
  | 'TenantRemovedEvent'
  | 'TenantRestoredEvent'
  | 'TenantPurgeStartedEvent'
  | 'TenantPurgedEvent'
  | 'DriftFixedEvent'
  | 'TokenCreatedEvent'
  | 'TokenRotatedEvent'
  | 'TokenRevokedEvent'
  | 'UserCreatedEvent'
  | 'UserChangedEvent'
  | 'UserDeactivatedEvent'
  | 'UserActivatedEvent'
  | 'PasswordResetEvent'
  | 'PasswordChangedEvent'
  | 'MembershipAddedEvent'
  | 'MembershipChangedEvent'
  | 'MembershipRemovedEvent'
  | 'LoginSucceededEvent'
  | 'LoginFailedEvent'
  | 'AuthorizationDeniedEvent'
  | 'DeviceApprovedEvent'
  | 'DeviceDeniedEvent'
  | 'SessionRevokedEvent'
  | 'RefreshTokenReusedEvent'
  | 'BootstrapSeededEvent'
  | 'BootstrapIgnoredEvent'
  | 'SnapshotCreatedEvent'
  | 'SigningKeyCreatedEvent'
  | 'SigningKeyRotatedEvent'
  | 'IssuerAddedEvent'
  | 'IssuerRemovedEvent'
  | 'IdentityLinkedEvent'
  | 'IdentityUnlinkedEvent';

/** Only these fields can be recorded, so that no secret can slip in with a whole object. */
interface AuditFields {
  access_key?: string;
  bucket_name?: string;
  permission?: string;
  prefix?: string | null;
  expires_at?: string | null;
  slug?: string;
  former_slug?: string;
  kind?: string;
  label?: string;
  scopes?: string;
  reason?: string;
  attempts?: number;
  username?: string;
  role?: string;
  fields?: string;
  session_id?: string;
  method?: string;
  address?: string;
  device_name?: string | null;
  replaced_by?: string;
  replaces?: string;
  /** `iss` and `sub` of somebody whom another server vouches for. */
  issuer?: string;
  subject?: string;
}

export interface AuditEvent extends Actor {
  type: AuditType;
  tenantId?: string;
  subjectId?: string;
  data?: AuditFields;
}

/** Appends to the chain, inside the transaction of what it records. */
export async function recordAudit(
  transaction: Transaction<Schema>,
  clock: Clock,
  event: AuditEvent,
): Promise<void> {
  // One after the other until the commit: each hash covers the one before.
  await lockInTransaction(transaction, 'audit');
  const last = await transaction
    .selectFrom('audit_events')
    .select('hash')
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const row = {
    id: randomUUID(),
    time: new Date(clock.now()).toISOString(),
    type: event.type,
    actor: event.actor,
    tenant_id: event.tenantId ?? null,
    subject_id: event.subjectId ?? null,
    request_id: event.requestId ?? null,
    data: JSON.stringify(event.data ?? {}),
    previous_hash: last?.hash ?? '',
  };
  await transaction
    .insertInto('audit_events')
    .values({ ...row, hash: chainHash(row) })
    .execute();
}

/** SHA-256 over the values in the order of the columns, as a JSON array; hexadecimal. */
function chainHash(row: Record<string, string | null>): string {
  return createHash('sha256')
    .update(JSON.stringify(Object.values(row)))
    .digest('hex');
}
