import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Tenant } from '../../api/contract/admin.ts';
import type { Me } from '../../api/contract/auth.ts';
import type { Scope } from '../../api/contract/scopes.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import type { AccessTokens } from '../domain/access-tokens.ts';
import type { Actor } from '../domain/audit.ts';
import { parseScopes } from '../domain/scopes.ts';
import { assertAllowed, findTenant } from '../domain/tenant-view.ts';
import { checkToken, tokenState, touchToken, type Credential } from '../domain/tokens.ts';
import { HttpProblem } from '../errors.ts';

/** Who makes the request, as the verified credential says. */
export interface Principal {
  kind: 'access_token' | 'api_key' | 'admin_token';
  /** `credential:<id>`, in the audit trail and as creator. */
  subject: string;
  scopes: readonly Scope[];
  /** The one tenant it is bound to; null for an administrator. */
  tenantId: string | null;
  /** RFC 3339. */
  expiresAt: string;
  /** What is behind it. */
  credential: Me['credential'];
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | undefined;
    tenant: Tenant | undefined;
  }
}

interface AuthenticationDeps {
  db: Database;
  clock: Clock;
  accessTokens: AccessTokens;
}

export interface Guards {
  /** Any credential of ours that is in force. */
  signedIn: onRequestAsyncHookHandler;
  /** An administrator with this scope. */
  administrator: (scope: Scope) => onRequestAsyncHookHandler;
  /** A credential of an allowed, active tenant with this scope. */
  tenant: (scope: Scope) => onRequestAsyncHookHandler;
  /**
   * Whether credential and tenant of a request that goes on still have this right. A short token
   * may end meanwhile; the credential behind it counts.
   *
   * @throws HttpProblem
   */
  stillAllowed: (request: FastifyRequest, scope: Scope) => Promise<void>;
}

/** Checks run before a body is read. The tenant comes from the credential, never from the request. */
export function useAuthentication(app: FastifyInstance, deps: AuthenticationDeps): Guards {
  app.decorateRequest('principal', undefined);
  app.decorateRequest('tenant', undefined);
  const signIn = async (request: FastifyRequest): Promise<Principal> => {
    const principal = await authenticate(deps, request.headers.authorization);
    request.principal = principal;
    return principal;
  };
  return {
    signedIn: async (request) => {
      await signIn(request);
    },
    administrator: (scope) => async (request) => {
      const principal = await signIn(request);
      if (principal.kind !== 'admin_token') {
        throw new HttpProblem(403, 'administrator-needed', 'Only an administrator may do this.');
      }
      requireScope(principal, scope);
    },
    tenant: (scope) => async (request) => {
      const principal = await signIn(request);
      if (principal.tenantId === null) {
        throw new HttpProblem(403, 'tenant-needed', 'This credential belongs to no tenant.');
      }
      const tenant = await findTenant(deps.db, principal.tenantId);
      assertAllowed(tenant);
      requireScope(principal, scope);
      request.tenant = tenant;
    },
    stillAllowed: (request, scope) => recheck(deps, principalOf(request), scope),
  };
}

/** @throws HttpProblem 403 `scope-missing`, naming the scope */
export function requireScope(principal: Principal, scope: Scope): void {
  if (principal.scopes.includes(scope)) return;
  throw new HttpProblem(403, 'scope-missing', `This credential lacks the scope ${scope}.`);
}

/** Behind a guard only. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new Error('a route without its guard');
  return request.principal;
}

/** Behind the tenant guard only. */
export function tenantOf(request: FastifyRequest): Tenant {
  if (request.tenant === undefined) throw new Error('a tenant route without its guard');
  return request.tenant;
}

export function actorOf(request: FastifyRequest): Actor {
  return { actor: principalOf(request).subject, requestId: request.id };
}

async function authenticate(
  deps: AuthenticationDeps,
  header: string | undefined,
): Promise<Principal> {
  if (header === undefined) throw unauthenticated('authentication-required', 'Sign in first.');
  const token = /^Bearer +([^\s]+)$/i.exec(header)?.[1];
  if (token === undefined) throw refused('invalid');
  return token.split('.').length === 3 ? byAccessToken(deps, token) : byOpaqueToken(deps, token);
}

async function byOpaqueToken(deps: AuthenticationDeps, token: string): Promise<Principal> {
  const check = await checkToken(deps.db, deps.clock, token);
  if (check.state !== 'valid') throw refused(check.state);
  const { credential } = check;
  await touchToken(deps.db, deps.clock, credential);
  return {
    kind: credential.kind === 'admin' ? 'admin_token' : 'api_key',
    subject: subjectOf(credential),
    scopes: parseScopes(credential.scopes),
    tenantId: credential.tenant_id,
    expiresAt: credential.expires_at,
    credential: describe(credential),
  };
}

/** The credential it was issued for is asked again each time, so that revoking it ends at once. */
async function byAccessToken(deps: AuthenticationDeps, token: string): Promise<Principal> {
  const claims = await deps.accessTokens.verify(token);
  if (typeof claims === 'string') throw refused(claims);
  const credential = await deps.db
    .selectFrom('credentials')
    .selectAll()
    .where('id', '=', claims.subject)
    .executeTakeFirst();
  if (credential?.tenant_id !== claims.tenantId) throw refused('invalid');
  const state = tokenState(credential, deps.clock);
  if (state !== 'valid') throw refused(state);
  const held = parseScopes(credential.scopes);
  return {
    kind: 'access_token',
    subject: subjectOf(credential),
    scopes: claims.scopes.filter((scope) => held.includes(scope)),
    tenantId: claims.tenantId,
    expiresAt: claims.expiresAt,
    credential: describe(credential),
  };
}

async function recheck(
  { db, clock }: AuthenticationDeps,
  { subject, tenantId }: Principal,
  scope: Scope,
): Promise<void> {
  const credential = await db
    .selectFrom('credentials')
    .selectAll()
    .where('id', '=', subject.slice(subjectOf({ id: '' }).length))
    .executeTakeFirst();
  if (credential === undefined || credential.tenant_id === null) throw refused('invalid');
  const state = tokenState(credential, clock);
  if (state !== 'valid') throw refused(state);
  assertAllowed(await findTenant(db, tenantId ?? ''));
  if (parseScopes(credential.scopes).includes(scope)) return;
  throw new HttpProblem(403, 'scope-missing', `This credential lacks the scope ${scope}.`);
}

function subjectOf(credential: Pick<Credential, 'id'>): string {
  return `credential:${credential.id}`;
}

function describe({ kind, id, label, expires_at }: Credential): Principal['credential'] {
  return { kind: kind === 'admin' ? 'admin_token' : 'api_key', id, label, expires_at };
}

const REFUSALS = {
  invalid: ['token-invalid', 'The token is not one of this server.'],
  expired: ['token-expired', 'The token has expired.'],
  revoked: ['token-revoked', 'The token was revoked.'],
} as const;

function refused(state: keyof typeof REFUSALS): HttpProblem {
  const [code, title] = REFUSALS[state];
  return unauthenticated(code, title, `, error="invalid_token", error_description="${title}"`);
}

/** RFC 6750 §3. */
function unauthenticated(code: string, title: string, parameters = ''): HttpProblem {
  const challenge = `Bearer realm="cloud"${parameters}`;
  return new HttpProblem(401, code, title, { headers: { 'www-authenticate': challenge } });
}
