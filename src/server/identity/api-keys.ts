import type { Kysely } from 'kysely';
import type {
  ApiKey,
  ApiKeyWithSecret,
  CreateApiKey,
  RotateApiKey,
} from '../../api/contract/api-keys.ts';
import {
  INSTANCE_SCOPES,
  TENANT_SCOPES,
  type Role,
  type Scope,
} from '../../api/contract/scopes.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import type { Actor } from '../domain/audit.ts';
import { parseScopes } from '../domain/scopes.ts';
import { resolveTenant } from '../domain/tenant-view.ts';
import type { Credential } from '../domain/tokens.ts';
import { HttpProblem, invalidField } from '../errors.ts';
import { endToken, issueToken, replaceToken } from './issued-tokens.ts';
import { roleOf, type Principal } from './principal.ts';
import { effectiveScopes } from './roles.ts';

interface ApiKeyDeps {
  db: Database;
  clock: Clock;
}

/**
 * A key that may do no more than its maker, and belongs to the same user.
 *
 * @throws HttpProblem 403 `read-only`; 404 `tenant-not-found`; 409 `token-limit`; 422 naming the field
 */
export async function addApiKey(
  { db, clock }: ApiKeyDeps,
  principal: Principal,
  request: CreateApiKey,
  actor: Actor,
): Promise<ApiKeyWithSecret> {
  assertMayManage(principal);
  return db.transaction().execute(async (transaction) => {
    const tenantId = await bindingOf(transaction, principal, request.tenant);
    const scopes = await scopesOf(transaction, principal, tenantId, request.scopes);
    const ownerId = principal.user?.id ?? null;
    const { label, expires_in: expiresIn } = request;
    const wanted = { kind: 'api', label, tenantId, ownerId, scopes, expiresIn } as const;
    const { id, text } = await issueToken(transaction, clock, principal, wanted, actor);
    return { ...(await show(transaction, principal, id)), api_key: text };
  });
}

/** Those in force that the caller may end, newest first. */
export async function listApiKeys(
  { db, clock }: ApiKeyDeps,
  principal: Principal,
): Promise<ApiKey[]> {
  const rows = await withNames(db)
    .where('credentials.revoked_at', 'is', null)
    .where('credentials.expires_at', '>', new Date(clock.now()).toISOString())
    .orderBy('credentials.created_at', 'desc')
    .orderBy('credentials.id')
    .execute();
  return rows.filter((row) => mayEnd(principal, row)).map((row) => toApiKey(row, principal));
}

/** @throws HttpProblem 404 for one that is over, never was, or is somebody else's */
export async function revokeApiKey(
  { db, clock }: ApiKeyDeps,
  principal: Principal,
  id: string,
  actor: Actor,
): Promise<void> {
  if (id !== principal.credential.id) assertMayManage(principal);
  await db.transaction().execute(async (transaction) => {
    const row = await requireKey(transaction, clock, principal, id);
    await endToken(transaction, clock, row, actor);
  });
}

/**
 * A new key in the place of an old one, which stays valid for the overlap.
 *
 * @throws HttpProblem 404; 403 `not-yours`; 409 `already-rotated`
 */
export async function rotateApiKey(
  { db, clock }: ApiKeyDeps,
  principal: Principal,
  id: string,
  request: RotateApiKey,
  actor: Actor,
): Promise<ApiKeyWithSecret> {
  assertMayManage(principal);
  return db.transaction().execute(async (transaction) => {
    const row = await requireKey(transaction, clock, principal, id);
    assertOwnRights(principal, row);
    const fresh = await replaceToken(transaction, clock, row, request, actor);
    return { ...(await show(transaction, principal, fresh.id)), api_key: fresh.text };
  });
}

/** A key that only reads is not for making, renewing and ending keys. */
function assertMayManage({ credential, scopes }: Principal): void {
  if (credential.kind === 'session') return;
  if (scopes.some((scope) => !READING.includes(scope))) return;
  throw new HttpProblem(403, 'read-only', 'This key may only read.');
}

const READING: readonly Scope[] = ['mount:read', 'audit:read'];

/** Whoever rotates a key holds it then: its owner does, or somebody who may do as much. */
function assertOwnRights({ user, scopes, tenantId }: Principal, row: Credential): void {
  const own = user !== null && row.owner_id === user.id;
  const within =
    row.owner_id === null &&
    row.tenant_id === tenantId &&
    parseScopes(row.scopes).every((scope) => scopes.includes(scope));
  if (own || within) return;
  throw new HttpProblem(403, 'not-yours', 'This key belongs to somebody else. You can revoke it.');
}

/** The tenant that a new key is bound to: one that the caller reaches, or none. */
async function bindingOf(
  db: Kysely<Schema>,
  principal: Principal,
  wanted: string | null | undefined,
): Promise<string | null> {
  if (wanted === undefined) return principal.tenantId;
  if (wanted === null) {
    if (principal.tenantId === null) return null;
    throw invalidField(
      'tenant',
      'A credential of a tenant cannot make one that is not bound to it.',
    );
  }
  const tenant = await resolveTenant(db, wanted);
  const reachable =
    principal.tenantId === null
      ? principal.scopes.includes('tenants')
      : tenant?.id === principal.tenantId;
  if (tenant?.status !== 'active' || !reachable) {
    throw new HttpProblem(404, 'tenant-not-found', 'There is no such tenant.', { field: 'tenant' });
  }
  return tenant.id;
}

/** @throws HttpProblem 422 for scopes that the binding or the caller does not have */
async function scopesOf(
  db: Kysely<Schema>,
  principal: Principal,
  tenantId: string | null,
  wanted: readonly Scope[] | undefined,
): Promise<readonly Scope[]> {
  const possible = await possibleScopes(db, principal, tenantId);
  if (wanted === undefined) {
    if (possible.length > 0) return possible;
    throw invalidField('scopes', 'Nothing could be done with such a key.');
  }
  const instance: readonly Scope[] = INSTANCE_SCOPES;
  const foreign = wanted.find((scope) => instance.includes(scope) !== (tenantId === null));
  if (foreign !== undefined) {
    throw invalidField(
      'scopes',
      tenantId === null
        ? `A key without a tenant cannot have ${foreign}.`
        : `A key that is bound to a tenant cannot have ${foreign}.`,
    );
  }
  const beyond = wanted.find((scope) => !possible.includes(scope));
  if (beyond === undefined) return [...new Set(wanted)];
  throw invalidField('scopes', `You do not have ${beyond} yourself.`);
}

/** What the caller may do there: of another tenant an administrator has what the role gives. */
async function possibleScopes(
  db: Kysely<Schema>,
  principal: Principal,
  tenantId: string | null,
): Promise<readonly Scope[]> {
  if (tenantId === principal.tenantId) {
    return effectiveScopes('owner', principal.scopes, tenantId);
  }
  const { credential, user, scopes } = principal;
  // What somebody signed in could choose at the next sign-in; a key has what it was given.
  const role = credential.kind === 'session' ? await roleIn(db, user, tenantId) : 'owner';
  return effectiveScopes(role, credential.kind === 'session' ? TENANT_SCOPES : scopes, tenantId);
}

async function roleIn(
  db: Kysely<Schema>,
  user: Principal['user'],
  tenantId: string | null,
): Promise<Role | undefined> {
  return user === null ? undefined : roleOf(db, user, tenantId);
}

/** @throws HttpProblem 404: missing and not yours are the same */
async function requireKey(
  db: Kysely<Schema>,
  clock: Clock,
  principal: Principal,
  id: string,
): Promise<Credential> {
  const row = await db
    .selectFrom('credentials')
    .selectAll()
    .where('id', '=', id)
    .where('kind', '=', 'api')
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', new Date(clock.now()).toISOString())
    .forUpdate()
    .executeTakeFirst();
  if (row !== undefined && mayEnd(principal, row)) return row;
  throw new HttpProblem(404, 'api-key-not-found', 'There is no such API key.');
}

/** One's own, or with `tenant` those of the tenant, or with `tokens` all. */
function mayEnd(
  { user, credential, scopes, tenantId, subject }: Principal,
  row: Pick<Credential, 'id' | 'owner_id' | 'tenant_id' | 'created_by'>,
): boolean {
  if (row.id === credential.id) return true;
  if (tenantId === null && scopes.includes('tokens')) return true;
  // A bound credential stays within its tenant, even among the keys of its own user.
  if (tenantId !== null && row.tenant_id !== tenantId) return false;
  if (tenantId !== null && scopes.includes('tenant')) return true;
  return user === null ? row.created_by === subject : row.owner_id === user.id;
}

function withNames(db: Kysely<Schema>) {
  return db
    .selectFrom('credentials')
    .leftJoin('tenants', 'tenants.id', 'credentials.tenant_id')
    .leftJoin('users', 'users.id', 'credentials.owner_id')
    .selectAll('credentials')
    .select(['tenants.slug', 'tenants.name as tenant_name', 'users.username'])
    .where('credentials.kind', '=', 'api');
}

async function show(db: Kysely<Schema>, principal: Principal, id: string): Promise<ApiKey> {
  const row = await withNames(db).where('credentials.id', '=', id).executeTakeFirstOrThrow();
  return toApiKey(row, principal);
}

function toApiKey(
  row: Credential & { slug: string | null; tenant_name: string | null; username: string | null },
  principal: Principal,
): ApiKey {
  return {
    id: row.id,
    prefix: `cloud_key_${row.id}`,
    last4: row.last4,
    label: row.label,
    scopes: parseScopes(row.scopes),
    tenant:
      row.tenant_id === null
        ? null
        : { id: row.tenant_id, slug: row.slug ?? '', name: row.tenant_name ?? '' },
    owner: row.username,
    current: row.id === principal.credential.id,
    created_at: row.created_at,
    last_used_at: row.last_used_at,
    expires_at: row.expires_at,
    replaced_by: row.replaced_by,
  };
}
