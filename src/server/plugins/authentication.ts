import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Kysely } from 'kysely';
import type { Tenant } from '../../api/contract/admin.ts';
import type { Scope } from '../../api/contract/scopes.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import type { AccessTokens } from '../domain/access-tokens.ts';
import type { Actor } from '../domain/audit.ts';
import { assertAllowed } from '../domain/tenant-view.ts';
import { checkToken, touchToken } from '../domain/tokens.ts';
import { HttpProblem } from '../errors.ts';
import type { RequestRate } from './request-rate.ts';
import type { Floods } from '../identity/floods.ts';
import type { Access } from '../openapi.ts';
import {
  principalAgain,
  principalOfCredential,
  principalOfSession,
  tenantBehind,
  type Principal,
  type ReadAlong,
  type Refusal,
} from '../identity/principal.ts';

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
  floods: Floods;
  requestRate: RequestRate;
}

export interface Guards {
  /** Any credential of ours that is in force. */
  signedIn: onRequestAsyncHookHandler;
  /** One that is bound to no tenant and has this scope. */
  administrator: (scope: Scope) => onRequestAsyncHookHandler;
  /** A credential of an allowed, active tenant with this scope. */
  tenant: (scope: Scope, along?: ReadAlong) => onRequestAsyncHookHandler;
  /**
   * Whether credential, user and tenant of a request that goes on still have this right. A short
   * token may end meanwhile; what is behind it counts. `db`: the transaction to ask in.
   *
   * @throws HttpProblem
   */
  stillAllowed: (request: FastifyRequest, scope: Scope, db?: Kysely<Schema>) => Promise<void>;
}

/** Checks run before a body is read. The tenant comes from the credential, never from the request. */
export function useAuthentication(app: FastifyInstance, deps: AuthenticationDeps): Guards {
  app.decorateRequest('principal', undefined);
  app.decorateRequest('tenant', undefined);
  app.addHook('onResponse', async ({ principal }, reply) => {
    if (reply.statusCode === 403 && principal !== undefined) {
      deps.floods.note('AuthorizationDeniedEvent', principal.subject, 'refused');
    }
    return Promise.resolve();
  });
  const signIn = async (request: FastifyRequest, along?: ReadAlong): Promise<Principal> => {
    const principal = await authenticate(deps, request.headers.authorization, along);
    deps.requestRate.take(principal.credential.id);
    request.principal = principal;
    return principal;
  };
  return {
    signedIn: known({ kind: 'signed-in' }, async (request) => {
      await signIn(request);
    }),
    administrator: (scope) =>
      known({ kind: 'administrator', scope }, async (request) => {
        const principal = await signIn(request);
        if (principal.tenantId !== null) {
          throw new HttpProblem(403, 'administrator-needed', 'Only an administrator may do this.');
        }
        requireScope(principal, scope);
      }),
    tenant: (scope, along) =>
      known({ kind: 'tenant', scope }, async (request) => {
        const principal = await signIn(request, along);
        if (principal.tenantId === null) {
          throw new HttpProblem(403, 'tenant-needed', 'This credential belongs to no tenant.');
        }
        const tenant = await tenantBehind(deps.db, principal);
        assertAllowed(tenant);
        requireScope(principal, scope);
        request.tenant = tenant;
      }),
    stillAllowed: (request, scope, db = deps.db) =>
      recheck(db, deps.clock, principalOf(request), scope),
  };
}

const accesses = new WeakMap<object, Access>();

function known(access: Access, guard: onRequestAsyncHookHandler): onRequestAsyncHookHandler {
  accesses.set(guard, access);
  return guard;
}

/** Whom a guard lets pass; undefined for what is none of ours. */
export function accessOf(guard: object): Access | undefined {
  return accesses.get(guard);
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
  along?: ReadAlong,
): Promise<Principal> {
  if (header === undefined) throw unauthenticated('authentication-required', 'Sign in first.');
  const token = /^Bearer +([^\s]+)$/i.exec(header)?.[1];
  if (token === undefined) throw refused('invalid');
  return token.split('.').length === 3
    ? byAccessToken(deps, token, along)
    : byOpaqueToken(deps, token);
}

async function byOpaqueToken(deps: AuthenticationDeps, token: string): Promise<Principal> {
  const check = await checkToken(deps.db, deps.clock, token);
  if (check.state !== 'valid') throw refused(check.state);
  const principal = granted(await principalOfCredential(deps.db, deps.clock, check.credential));
  await touchToken(deps.db, deps.clock, check.credential);
  return principal;
}

/** What it was issued for is asked again each time, so that revoking that ends it at once. */
async function byAccessToken(
  deps: AuthenticationDeps,
  token: string,
  along?: ReadAlong,
): Promise<Principal> {
  const { db, clock } = deps;
  const claims = await deps.accessTokens.verify(token);
  if (typeof claims === 'string') throw refused(claims);
  const { sessionId, subject } = claims;
  const principal = granted(
    sessionId === undefined
      ? await principalAgain(db, clock, { credential: { kind: 'api_key', id: subject } })
      : await principalOfSession(db, clock, sessionId, along),
  );
  if (principal.tenantId !== claims.tenantId) throw refused('invalid');
  if (sessionId !== undefined && principal.user?.id !== subject) throw refused('invalid');
  return {
    ...principal,
    kind: 'access_token',
    scopes: claims.scopes.filter((scope) => principal.scopes.includes(scope)),
    expiresAt: claims.expiresAt,
  };
}

async function recheck(
  db: Kysely<Schema>,
  clock: Clock,
  principal: Principal,
  scope: Scope,
): Promise<void> {
  if (db.isTransaction) await holdRights(db, principal);
  const now = granted(await principalAgain(db, clock, principal));
  if (now.tenantId === null || now.tenantId !== principal.tenantId) throw refused('invalid');
  assertAllowed(await tenantBehind(db, now));
  requireScope(now, scope);
}

/** Whoever takes them away meanwhile waits for our end, and then finds what we have made. */
async function holdRights(db: Kysely<Schema>, { user, tenantId }: Principal): Promise<void> {
  if (user === null) return;
  await db.selectFrom('users').select('id').where('id', '=', user.id).forShare().execute();
  await db
    .selectFrom('memberships')
    .select('role')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', user.id)
    .forShare()
    .execute();
}

const REFUSALS = {
  invalid: ['token-invalid', 'The token is not one of this server.'],
  expired: ['token-expired', 'The token has expired.'],
  revoked: ['token-revoked', 'The token was revoked.'],
} as const;

function granted(found: Principal | Refusal): Principal {
  if (typeof found === 'string') throw refused(found);
  return found;
}

function refused(state: Refusal): HttpProblem {
  const [code, title] = REFUSALS[state];
  return unauthenticated(code, title, `, error="invalid_token", error_description="${title}"`);
}

/** RFC 6750 §3. */
function unauthenticated(code: string, title: string, parameters = ''): HttpProblem {
  const challenge = `Bearer realm="cloud"${parameters}`;
  return new HttpProblem(401, code, title, { headers: { 'www-authenticate': challenge } });
}
