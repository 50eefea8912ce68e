import type { FastifyInstance, FastifyReply } from 'fastify';
import { API_KEY_GRANT, type Me, type TokenResponse } from '../../api/contract/auth.ts';
import type { OAuthError } from '../../api/contract/problem.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { ACCESS_TOKEN_SECONDS, type AccessTokens } from '../domain/access-tokens.ts';
import { parseScopes } from '../domain/scopes.ts';
import { assertAllowed, findTenant } from '../domain/tenant-view.ts';
import { checkToken, touchToken } from '../domain/tokens.ts';
import { HttpProblem } from '../errors.ts';
import { principalOf, type Guards } from '../plugins/authentication.ts';
import { toProblem } from '../plugins/problems.ts';

interface AuthDeps {
  db: Database;
  clock: Clock;
  accessTokens: AccessTokens;
}

export function authRoutes(app: FastifyInstance, deps: AuthDeps, guards: Guards): void {
  app.get('/api/v1/auth/me', { onRequest: guards.signedIn }, async (request): Promise<Me> => {
    const { kind, subject, scopes, expiresAt, tenantId, credential } = principalOf(request);
    const tenant = tenantId === null ? undefined : await findTenant(deps.db, tenantId);
    return {
      subject,
      kind,
      scopes: [...scopes],
      expires_at: expiresAt,
      tenant: tenant === undefined ? null : { id: tenant.id, slug: tenant.slug, name: tenant.name },
      user: null,
      role: null,
      credential,
    };
  });
  app.register((scoped, _options, done) => {
    tokenRoute(scoped, deps);
    done();
  });
}

/** RFC 6749 §5.2 knows few codes, and its errors are 400. */
class OAuthProblem extends Error {
  override readonly name = 'OAuthProblem';
  readonly status: number;
  readonly body: OAuthError;
  constructor(error: string, description: string, status = 400) {
    super(error);
    this.status = status;
    this.body = { error, error_description: description };
  }
}

/** `POST /api/v1/auth/token`: form in, RFC 6749 out, errors included. */
function tokenRoute(app: FastifyInstance, deps: AuthDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, new URLSearchParams(body)),
  );
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof OAuthProblem) return sendOAuth(reply, error.status, error.body);
    const problem = toProblem(error);
    if (problem.status >= 500) request.log.error({ err: error }, 'the token endpoint failed');
    return sendOAuth(reply, problem.status, {
      error: problem.status >= 500 ? 'server_error' : 'invalid_request',
      error_description: problem.message,
    });
  });
  app.post('/api/v1/auth/token', async (request, reply): Promise<TokenResponse> => {
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
    const answer = await exchange(deps, parameter(form, 'grant_type'), form);
    reply.header('cache-control', 'no-store');
    return answer;
  });
}

async function exchange(
  deps: AuthDeps,
  grant: string,
  form: URLSearchParams,
): Promise<TokenResponse> {
  if (grant !== API_KEY_GRANT) {
    throw new OAuthProblem('unsupported_grant_type', 'This grant type is not offered.');
  }
  const check = await checkToken(deps.db, deps.clock, parameter(form, 'api_key'));
  if (check.state !== 'valid') {
    throw new OAuthProblem('invalid_grant', `The API key is ${check.state}.`);
  }
  const { credential } = check;
  if (credential.kind !== 'api' || credential.tenant_id === null) {
    throw new OAuthProblem('invalid_grant', 'This is not an API key of a tenant.');
  }
  try {
    assertAllowed(await findTenant(deps.db, credential.tenant_id));
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    throw new OAuthProblem('access_denied', error.message, 403);
  }
  await touchToken(deps.db, deps.clock, credential);
  const scopes = parseScopes(credential.scopes);
  const token = await deps.accessTokens.issue({
    subject: credential.id,
    tenantId: credential.tenant_id,
    scopes,
  });
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: ACCESS_TOKEN_SECONDS,
    scope: scopes.join(' '),
  };
}

/** RFC 6749 §3.2: a parameter must not be sent twice. */
function parameter(form: URLSearchParams, name: string): string {
  const [value, ...more] = form.getAll(name);
  if (value === undefined || value === '' || more.length > 0) {
    throw new OAuthProblem('invalid_request', `${name} is needed, once.`);
  }
  return value;
}

function sendOAuth(reply: FastifyReply, status: number, body: OAuthError): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').send(body);
}
