import type { Kysely, Transaction } from 'kysely';
import type {
  AdminToken,
  AdminTokenWithSecret,
  CreateAdminToken,
  RotateAdminToken,
} from '../../api/contract/admin-tokens.ts';
import { INSTANCE_SCOPES, SCOPES, TENANT_SCOPES, type Scope } from '../../api/contract/scopes.ts';
import type { Clock } from '../../platform/clock.ts';
import { lockInTransaction } from '../db/dialect.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import type { Actor } from '../domain/audit.ts';
import { parseScopes } from '../domain/scopes.ts';
import { requireTenant } from '../domain/tenant-view.ts';
import { tokenState, type Credential } from '../domain/tokens.ts';
import { HttpProblem, invalidField } from '../errors.ts';
import { endToken, issueToken, replaceToken } from './issued-tokens.ts';
import type { Principal } from './principal.ts';

interface AdminTokenDeps {
  db: Database;
  clock: Clock;
}

/** Of those that are over so many are shown. */
const SHOWN = 1000;

/**
 * A token that may do no more than its maker. One that administers the server belongs to its maker's
 * user; one of a tenant belongs to the tenant, and stays when its maker goes.
 *
 * @throws HttpProblem 404 `tenant-not-found`; 409 `token-limit`; 422 naming the field
 */
export async function addAdminToken(
  { db, clock }: AdminTokenDeps,
  principal: Principal,
  request: CreateAdminToken,
  actor: Actor,
): Promise<AdminTokenWithSecret> {
  return db.transaction().execute(async (transaction) => {
    const tenantId =
      request.tenant === null ? null : (await activeTenant(transaction, request.tenant)).id;
    const scopes = scopesFor(tenantId, await grantable(transaction, principal), request.scopes);
    const ownerId = tenantId === null ? (principal.user?.id ?? null) : null;
    const kind = tenantId === null ? 'admin' : 'api';
    const { label, expires_in: expiresIn } = request;
    const wanted = { kind, label, tenantId, ownerId, scopes, expiresIn } as const;
    const { id, text } = await issueToken(transaction, clock, principal, wanted, actor);
    return { ...(await show(transaction, clock, principal, id)), token: text };
  });
}

/** Newest first. @throws HttpProblem 404 `tenant-not-found` */
export async function listAdminTokens(
  { db, clock }: AdminTokenDeps,
  principal: Principal,
  { tenant, ended }: { tenant: string | undefined; ended: boolean },
): Promise<AdminToken[]> {
  const tenantId = tenant === undefined ? undefined : (await requireTenant(db, tenant)).id;
  const now = new Date(clock.now()).toISOString();
  const rows = await withNames(db)
    .$if(tenantId !== undefined, (query) =>
      query.where('credentials.tenant_id', '=', tenantId ?? ''),
    )
    .$if(!ended, (query) =>
      query.where('credentials.revoked_at', 'is', null).where('credentials.expires_at', '>', now),
    )
    .orderBy('credentials.created_at', 'desc')
    .orderBy('credentials.id')
    .limit(SHOWN)
    .execute();
  return rows.map((row) => toAdminToken(row, clock, principal));
}

/**
 * In force with the next request.
 *
 * @throws HttpProblem 404 for one that is over or never was; 403 `owner-needed`; 409
 *   `last-admin-token`
 */
export async function revokeAdminToken(
  { db, clock }: AdminTokenDeps,
  principal: Principal,
  id: string,
  actor: Actor,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const row = await requireToken(transaction, clock, id);
    if (isOfOwner(row)) {
      assertOwner(principal);
      await assertSomebodyOwns(transaction, clock, row.id);
    }
    await endToken(transaction, clock, row, actor);
  });
}

/**
 * Whoever rotates a token holds it then, so it may do no more than the caller, and is not somebody
 * else's.
 *
 * @throws HttpProblem 404; 403 `not-yours`; 409 `already-rotated`
 */
export async function rotateAdminToken(
  { db, clock }: AdminTokenDeps,
  principal: Principal,
  id: string,
  request: RotateAdminToken,
  actor: Actor,
): Promise<AdminTokenWithSecret> {
  return db.transaction().execute(async (transaction) => {
    const row = await requireToken(transaction, clock, id);
    const granted = await grantable(transaction, principal);
    const within = parseScopes(row.scopes).every((scope) => granted.includes(scope));
    const foreign = row.owner_id !== null && row.owner_id !== principal.user?.id;
    if (foreign || !within) {
      const title = foreign
        ? 'This token belongs to somebody else. You can revoke it.'
        : 'This token may do more than you. You can revoke it.';
      throw new HttpProblem(403, 'not-yours', title);
    }
    const fresh = await replaceToken(transaction, clock, row, request, actor);
    return { ...(await show(transaction, clock, principal, fresh.id)), token: fresh.text };
  });
}

/**
 * What the caller could do at most and so may hand on. What is bound to no tenant does nothing in one,
 * but it may make tokens that do, as far as it was given those scopes itself.
 */
async function grantable(db: Kysely<Schema>, principal: Principal): Promise<readonly Scope[]> {
  const { credential, scopes } = principal;
  // Owners and admins act in every tenant; at the next sign-in they could choose it.
  if (credential.kind === 'session') return [...TENANT_SCOPES, ...scopes];
  const row = await db
    .selectFrom('credentials')
    .select('scopes')
    .where('id', '=', credential.id)
    .executeTakeFirst();
  const stored = parseScopes(row?.scopes ?? '');
  const tenant: readonly Scope[] = TENANT_SCOPES;
  return [...stored.filter((scope) => tenant.includes(scope)), ...scopes];
}

/** @throws HttpProblem 422 for scopes that the binding or the caller does not have */
function scopesFor(
  tenantId: string | null,
  granted: readonly Scope[],
  wanted: readonly Scope[] | undefined,
): readonly Scope[] {
  const fitting: readonly Scope[] = tenantId === null ? SCOPES : TENANT_SCOPES;
  const possible = fitting.filter((scope) => granted.includes(scope));
  if (wanted === undefined) {
    if (possible.length > 0) return possible;
    throw invalidField('scopes', 'You could do nothing there yourself.');
  }
  const unfit = wanted.find((scope) => !fitting.includes(scope));
  if (unfit !== undefined) {
    throw invalidField('scopes', `A token that is bound to a tenant cannot have ${unfit}.`);
  }
  const beyond = wanted.find((scope) => !possible.includes(scope));
  if (beyond !== undefined) throw invalidField('scopes', `You do not have ${beyond} yourself.`);
  const instance: readonly Scope[] = INSTANCE_SCOPES;
  if (tenantId === null && !wanted.some((scope) => instance.includes(scope))) {
    throw invalidField(
      'scopes',
      `To administer the server it needs one of ${INSTANCE_SCOPES.join(', ')}.`,
    );
  }
  return [...new Set(wanted)];
}

function isOfOwner(row: Credential): boolean {
  return row.kind === 'admin' && parseScopes(row.scopes).includes('instance');
}

function assertOwner({ scopes }: Principal): void {
  if (scopes.includes('instance')) return;
  throw new HttpProblem(403, 'owner-needed', 'Only an owner may end the token of an owner.');
}

/** Somebody is left who may do everything: an active owner, or another token that acts as one. */
async function assertSomebodyOwns(
  transaction: Transaction<Schema>,
  clock: Clock,
  except: string,
): Promise<void> {
  // Two who end each other's token wait for one another.
  await lockInTransaction(transaction, 'tokens');
  const owner = await transaction
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'owner')
    .where('status', '=', 'active')
    .limit(1)
    .executeTakeFirst();
  if (owner !== undefined) return;
  // Without an active owner only tokens of nobody act as one.
  const others = await transaction
    .selectFrom('credentials')
    .selectAll()
    .where('kind', '=', 'admin')
    .where('id', '<>', except)
    .where('owner_id', 'is', null)
    .where('revoked_at', 'is', null)
    .where('replaced_by', 'is', null)
    .where('expires_at', '>', new Date(clock.now()).toISOString())
    .execute();
  if (others.some(isOfOwner)) return;
  throw new HttpProblem(409, 'last-admin-token', 'Nobody would be left who owns this server.', {
    detail: 'This is the last token of an owner. Make another one, or an owner, first.',
  });
}

async function activeTenant(db: Kysely<Schema>, ref: string): Promise<{ id: string }> {
  const tenant = await requireTenant(db, ref);
  if (tenant.status === 'active') return tenant;
  throw new HttpProblem(409, 'tenant-inactive', `The tenant ${tenant.slug} is not active.`, {
    field: 'tenant',
  });
}

/** @throws HttpProblem 404 `token-not-found` */
async function requireToken(db: Kysely<Schema>, clock: Clock, id: string): Promise<Credential> {
  const row = await db
    .selectFrom('credentials')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  if (row !== undefined && tokenState(row, clock) === 'valid') return row;
  throw new HttpProblem(404, 'token-not-found', 'There is no such token.');
}

function withNames(db: Kysely<Schema>) {
  return db
    .selectFrom('credentials')
    .leftJoin('tenants', 'tenants.id', 'credentials.tenant_id')
    .leftJoin('users', 'users.id', 'credentials.owner_id')
    .selectAll('credentials')
    .select(['tenants.slug', 'users.username']);
}

async function show(
  db: Kysely<Schema>,
  clock: Clock,
  principal: Principal,
  id: string,
): Promise<AdminToken> {
  const row = await withNames(db).where('credentials.id', '=', id).executeTakeFirstOrThrow();
  return toAdminToken(row, clock, principal);
}

function toAdminToken(
  row: Credential & { slug: string | null; username: string | null },
  clock: Clock,
  { credential }: Principal,
): AdminToken {
  const state = tokenState(row, clock);
  const { id, label, kind, last4, created_at, last_used_at, expires_at, replaced_by } = row;
  return {
    ...{ id, label, kind, last4, created_at, last_used_at, expires_at, replaced_by },
    prefix: `cloud_${kind === 'admin' ? 'adm' : 'key'}_${id}`,
    scopes: parseScopes(row.scopes),
    tenant: row.slug,
    owner: row.username,
    state: state === 'valid' ? 'active' : state,
    current: id === credential.id,
  };
}
