import { randomUUID } from 'node:crypto';
import type { ExpressionBuilder, Transaction } from 'kysely';
import * as z from 'zod/mini';
import { chainHash } from '../../api/contract/audit-chain.ts';
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
  | 'DeletionAbandonedEvent'
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
  | 'OwnerRecoveredEvent'
  | 'BootstrapSeededEvent'
  | 'BootstrapIgnoredEvent'
  | 'SnapshotCreatedEvent'
  | 'SigningKeyCreatedEvent'
  | 'SigningKeyRotatedEvent'
  | 'IssuerAddedEvent'
  | 'IssuerRemovedEvent'
  | 'IdentityLinkedEvent'
  | 'IdentityUnlinkedEvent';

const text = z.optional(z.string());
const maybe = z.optional(z.nullable(z.string()));

/** Only these are recorded, whatever an object has beside them, so that no secret can slip in. */
const AuditFields = z.object({
  access_key: text,
  bucket_name: text,
  permission: text,
  prefix: maybe,
  expires_at: maybe,
  slug: text,
  former_slug: text,
  kind: text,
  name: text,
  label: text,
  scopes: text,
  reason: text,
  attempts: z.optional(z.number()),
  username: text,
  role: text,
  fields: text,
  session_id: text,
  method: text,
  address: text,
  device_name: maybe,
  replaced_by: text,
  replaces: text,
  /** `iss` and `sub` of somebody whom another server vouches for. */
  issuer: text,
  subject: text,
});
type AuditFields = z.infer<typeof AuditFields>;

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
  const head = await transaction
    .selectFrom('audit_head')
    .select(['seq', 'hash', newestSeq])
    .executeTakeFirstOrThrow();
  // Beyond the end there is nothing, unless somebody put it there: then it is stepped over, and found.
  const seq = Math.max(head.seq, head.newest ?? 0) + 1;
  const row = {
    id: randomUUID(),
    time: new Date(clock.now()).toISOString(),
    type: event.type,
    actor: event.actor,
    tenant_id: event.tenantId ?? null,
    subject_id: event.subjectId ?? null,
    request_id: event.requestId ?? null,
    data: JSON.stringify(AuditFields.parse(event.data ?? {})),
    previous_hash: head.hash,
  };
  const hash = chainHash(row);
  await transaction
    .insertInto('audit_events')
    .values({ seq, ...row, hash })
    .execute();
  await transaction.updateTable('audit_head').set({ seq, hash }).execute();
}

function newestSeq(head: ExpressionBuilder<Schema, 'audit_head'>) {
  return head
    .selectFrom('audit_events')
    .select((event) => event.fn.max('seq').as('newest'))
    .as('newest');
}
