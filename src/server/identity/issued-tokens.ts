import type { Transaction } from 'kysely';
import type { RotateApiKey } from '../../api/contract/api-keys.ts';
import type { Scope } from '../../api/contract/scopes.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import { recordAudit, type Actor } from '../domain/audit.ts';
import { claimRoomForToken } from '../domain/limits.ts';
import { parseScopes } from '../domain/scopes.ts';
import { createToken, DEFAULT_LIFE_MS, type Credential } from '../domain/tokens.ts';
import { HttpProblem, invalidField } from '../errors.ts';
import type { Principal } from './principal.ts';

export interface WantedToken {
  kind: Credential['kind'];
  label: string;
  tenantId: string | null;
  ownerId: string | null;
  scopes: readonly Scope[];
  /** Seconds; undefined: the usual. */
  expiresIn: number | undefined;
}

/** How long the old one of a rotation stays valid, in seconds. */
const OVERLAP_S = 3600;

/** Within its limits, and with its audit event. @throws HttpProblem 409 `token-limit`; 422 */
export async function issueToken(
  transaction: Transaction<Schema>,
  clock: Clock,
  principal: Principal,
  { expiresIn, ...wanted }: WantedToken,
  actor: Actor,
): Promise<{ id: string; text: string }> {
  const { kind, label, tenantId, scopes } = wanted;
  await claimRoomForToken(transaction, clock, wanted);
  const fresh = await createToken(transaction, clock, {
    ...wanted,
    createdBy: actor.actor,
    ...lifeOf(principal, clock, expiresIn),
  });
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'TokenCreatedEvent',
    ...(tenantId === null ? {} : { tenantId }),
    subjectId: fresh.id,
    data: { kind, label, scopes: scopes.join(' ') },
  });
  return fresh;
}

/** In force with the next request. */
export async function endToken(
  transaction: Transaction<Schema>,
  clock: Clock,
  { id, kind, label, tenant_id: tenantId }: Credential,
  actor: Actor,
): Promise<void> {
  await transaction
    .updateTable('credentials')
    .set({ revoked_at: new Date(clock.now()).toISOString() })
    .where('id', '=', id)
    .execute();
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'TokenRevokedEvent',
    ...(tenantId === null ? {} : { tenantId }),
    subjectId: id,
    data: { kind, label },
  });
}

/**
 * A new one in the place of `row`, which stays valid for the overlap. There are never more than two of
 * a family: what the old one had replaced itself ends now. So no limit counts here.
 *
 * @throws HttpProblem 409 `already-rotated`
 */
export async function replaceToken(
  transaction: Transaction<Schema>,
  clock: Clock,
  row: Credential,
  request: RotateApiKey,
  actor: Actor,
): Promise<{ id: string; text: string }> {
  if (row.replaced_by !== null) {
    throw new HttpProblem(409, 'already-rotated', 'Another key has taken its place already.');
  }
  const { id } = row;
  const now = clock.now();
  const life = Date.parse(row.expires_at) - Date.parse(row.created_at);
  const fresh = await createToken(transaction, clock, {
    kind: row.kind,
    label: row.label,
    tenantId: row.tenant_id,
    scopes: parseScopes(row.scopes),
    createdBy: row.created_by,
    ownerId: row.owner_id,
    family: row.family ?? id,
    lifeMs: request.expires_in === undefined ? life : request.expires_in * 1000,
  });
  await transaction
    .updateTable('credentials')
    .set({ revoked_at: new Date(now).toISOString() })
    .where('replaced_by', '=', id)
    .where('revoked_at', 'is', null)
    .execute();
  const end = Math.min(Date.parse(row.expires_at), now + (request.overlap ?? OVERLAP_S) * 1000);
  const { numUpdatedRows } = await transaction
    .updateTable('credentials')
    .set({ replaced_by: fresh.id, expires_at: new Date(end).toISOString() })
    .where('id', '=', id)
    .where('replaced_by', 'is', null)
    .executeTakeFirst();
  // Two at once: the second waits here, and finds that it came too late.
  if (numUpdatedRows === 0n) {
    throw new HttpProblem(409, 'already-rotated', 'Another key has taken its place already.');
  }
  await recordAudit(transaction, clock, {
    ...actor,
    type: 'TokenRotatedEvent',
    ...(row.tenant_id === null ? {} : { tenantId: row.tenant_id }),
    subjectId: id,
    data: { kind: row.kind, label: row.label, replaced_by: fresh.id },
  });
  return fresh;
}

/** A key does not make one that outlives it; somebody signed in does. */
function lifeOf(
  { credential }: Principal,
  clock: Clock,
  wanted: number | undefined,
): { lifeMs: number; notAfter?: number } {
  const lifeMs = wanted === undefined ? DEFAULT_LIFE_MS : wanted * 1000;
  if (credential.kind === 'session') return { lifeMs };
  const notAfter = Date.parse(credential.expires_at);
  if (wanted === undefined || clock.now() + lifeMs <= notAfter) return { lifeMs, notAfter };
  throw invalidField('expires_in', 'A key cannot make one that lives longer than itself.');
}
