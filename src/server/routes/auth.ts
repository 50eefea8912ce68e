import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import {
  ChangePassword,
  LoginRequest,
  type AuthSessionList,
  type Me,
  type TokenResponse,
} from '../../api/contract/auth.ts';
import { HttpProblem, OAuthProblem } from '../errors.ts';
import { passwordGrant, type GrantDeps } from '../identity/grants.ts';
import { changeOwnPassword } from '../identity/password-change.ts';
import { tenantBehind, type Principal } from '../identity/principal.ts';
import { endSessionsOf, listSessions, revokeSession } from '../identity/sessions.ts';
import { actorOf, principalOf, type Guards } from '../plugins/authentication.ts';
import { originOf } from './oauth.ts';

const Params = z.object({ id: z.string() });
type Params = z.infer<typeof Params>;
const Query = z.strictObject({ keep: z.optional(z.literal('current')) });
type Query = z.infer<typeof Query>;

/** Who is it, signing in with a password, and one's own sessions; what is OAuth is in oauth.ts. */
export function authRoutes(app: FastifyInstance, deps: GrantDeps, guards: Guards): void {
  const { db, clock } = deps;
  app.get('/api/v1/auth/me', { onRequest: guards.signedIn }, async (request): Promise<Me> => {
    const principal = principalOf(request);
    const { kind, subject, scopes, expiresAt, credential, user, role } = principal;
    const tenant = await tenantBehind(db, principal);
    return {
      subject,
      kind,
      scopes: [...scopes],
      expires_at: expiresAt,
      tenant: tenant === undefined ? null : { id: tenant.id, slug: tenant.slug, name: tenant.name },
      user:
        user === null
          ? null
          : { id: user.id, username: user.username, display_name: user.displayName },
      role,
      credential,
    };
  });
  app.post<{ Body: LoginRequest }>(
    '/api/v1/auth/login',
    { schema: { body: LoginRequest } },
    async (request, reply): Promise<TokenResponse> => {
      const answer = await login(deps, request.body, originOf(request));
      reply.header('cache-control', 'no-store');
      return answer;
    },
  );
  app.post<{ Body: ChangePassword }>(
    '/api/v1/auth/password',
    { onRequest: guards.signedIn, schema: { body: ChangePassword } },
    async (request, reply) => {
      await changeOwnPassword(deps, principalOf(request), request.body, originOf(request));
      return reply.code(204).send();
    },
  );
  app.get(
    '/api/v1/auth/sessions',
    { onRequest: guards.signedIn },
    async (request): Promise<AuthSessionList> => {
      const principal = principalOf(request);
      const { id } = userOf(principal);
      return { sessions: await listSessions(db, clock, id, sessionOf(principal)) };
    },
  );
  app.delete<{ Querystring: Query }>(
    '/api/v1/auth/sessions',
    { onRequest: guards.signedIn, schema: { querystring: Query } },
    async (request, reply) => {
      const principal = principalOf(request);
      const { id } = managerOf(principal);
      const except = request.query.keep === 'current' ? sessionOf(principal) : undefined;
      await db
        .transaction()
        .execute((transaction) =>
          endSessionsOf(transaction, clock, id, actorOf(request), 'all were revoked', except),
        );
      return reply.code(204).send();
    },
  );
  app.delete<{ Params: Params }>(
    '/api/v1/auth/sessions/:id',
    { onRequest: guards.signedIn, schema: { params: Params } },
    async (request, reply) => {
      const { id } = managerOf(principalOf(request));
      await revokeSession(db, clock, id, request.params.id, actorOf(request));
      return reply.code(204).send();
    },
  );
}

/** The grant's own refusals are OAuth's; this route speaks problem+json. */
async function login(...given: Parameters<typeof passwordGrant>): Promise<TokenResponse> {
  try {
    return await passwordGrant(...given);
  } catch (error) {
    if (!(error instanceof OAuthProblem)) throw error;
    throw new HttpProblem(403, 'no-tenant', error.body.error_description ?? error.message);
  }
}

/** @throws HttpProblem 403 `user-needed` */
function userOf(principal: Principal): NonNullable<Principal['user']> {
  if (principal.user !== null) return principal.user;
  throw new HttpProblem(403, 'user-needed', 'This credential belongs to no user.');
}

/** An API key is for machines: it may look, and not sign anybody out. */
function managerOf(principal: Principal): NonNullable<Principal['user']> {
  if (principal.credential.kind === 'session') return userOf(principal);
  throw new HttpProblem(403, 'session-needed', 'Only somebody who has signed in may do this.');
}

function sessionOf({ credential }: Principal): string | undefined {
  return credential.kind === 'session' ? credential.id : undefined;
}
