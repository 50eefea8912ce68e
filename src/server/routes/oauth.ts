import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type * as z from 'zod/mini';
import {
  API_KEY_GRANT,
  CLIENT_ID,
  DEVICE_CODE_GRANT,
  DeviceAuthorizationRequest,
  REFRESH_TOKEN_GRANT,
  TOKEN_EXCHANGE_GRANT,
  TokenExchange,
  type AuthorizationServer,
  type DeviceAuthorization,
  type TokenResponse,
} from '../../api/contract/auth.ts';
import type { TrustedIssuer } from '../../api/contract/issuers.ts';
import type { OAuthError } from '../../api/contract/problem.ts';
import { SCOPES } from '../../api/contract/scopes.ts';
import { OAuthProblem } from '../errors.ts';
import { createDeviceCode, DEVICE_CODE_LIFE_S } from '../identity/device-codes.ts';
import {
  apiKeyGrant,
  deviceGrant,
  knownScopes,
  refreshGrant,
  type Origin,
} from '../identity/grants.ts';
import { exchangeGrant, type ExchangeDeps } from '../identity/issuers/token-exchange.ts';
import { trustedIssuers } from '../identity/issuers/issuers.ts';
import { placeOf } from '../identity/rate-limits.ts';
import { revokeToken } from '../identity/revocation.ts';
import { toProblem } from '../plugins/problems.ts';

interface OAuthDeps extends ExchangeDeps {
  /** Our own address. */
  issuer: () => string;
}

const PATHS = {
  token: '/api/v1/auth/token',
  device: '/api/v1/auth/device_authorization',
  revoke: '/api/v1/auth/revoke',
} as const;

/** What speaks OAuth: forms in, RFC 6749 out, errors included. */
export function oauthRoutes(app: FastifyInstance, deps: OAuthDeps): void {
  app.get('/.well-known/oauth-authorization-server', async (_request, reply) => {
    reply.header('cache-control', 'public, max-age=300');
    return metadata(deps.issuer(), await trustedIssuers(deps.db));
  });
  app.register((scoped, _options, done) => {
    useForms(scoped, deps);
    tokenRoute(scoped, deps);
    deviceRoute(scoped, deps);
    revocationRoute(scoped, deps);
    done();
  });
}

function metadata(issuer: string, trusted: TrustedIssuer[]): AuthorizationServer {
  return {
    issuer,
    token_endpoint: issuer + PATHS.token,
    device_authorization_endpoint: issuer + PATHS.device,
    revocation_endpoint: issuer + PATHS.revoke,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: [
      ...[DEVICE_CODE_GRANT, REFRESH_TOKEN_GRANT, API_KEY_GRANT],
      TOKEN_EXCHANGE_GRANT,
    ],
    scopes_supported: [...SCOPES],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    trusted_issuers: trusted,
  };
}

function useForms(app: FastifyInstance, { limits }: OAuthDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, new URLSearchParams(body)),
  );
  // Before the body is read: who is refused that often guesses, or has gone wrong.
  app.addHook('onRequest', async (request) => {
    await limits.check('token-address', placeOf(request.ip));
  });
  app.setErrorHandler(async (error, request, reply) => {
    if (error instanceof OAuthProblem) {
      if (error.body.error === 'invalid_grant') await count(limits, request.ip);
      return sendOAuth(reply, error.status, error.body);
    }
    const problem = toProblem(error);
    if (problem.status >= 500) request.log.error({ err: error }, 'an OAuth endpoint failed');
    reply.headers(problem.headers);
    return sendOAuth(reply, problem.status, {
      error: oauthCode(problem.status),
      error_description: problem.message,
    });
  });
}

async function count(limits: OAuthDeps['limits'], address: string): Promise<void> {
  try {
    await limits.take('token-address', placeOf(address));
  } catch {
    // The next request meets the limit.
  }
}

function oauthCode(status: number): string {
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  return status >= 500 ? 'server_error' : 'invalid_request';
}

function tokenRoute(app: FastifyInstance, deps: OAuthDeps): void {
  app.post(PATHS.token, async (request, reply): Promise<TokenResponse> => {
    const form = formOf(request);
    const answer = await exchange(deps, form, originOf(request));
    reply.header('cache-control', 'no-store');
    return answer;
  });
}

async function exchange(
  deps: OAuthDeps,
  form: URLSearchParams,
  origin: Origin,
): Promise<TokenResponse> {
  switch (parameter(form, 'grant_type')) {
    case API_KEY_GRANT:
      return apiKeyGrant(deps, parameter(form, 'api_key'));
    case REFRESH_TOKEN_GRANT:
      return refreshGrant(deps, parameter(form, 'refresh_token'), optional(form, 'scope'), origin);
    case DEVICE_CODE_GRANT:
      requireClient(form);
      return deviceGrant(deps, parameter(form, 'device_code'), origin);
    case TOKEN_EXCHANGE_GRANT:
      requireClient(form);
      return exchangeGrant(deps, parsed(TokenExchange, form), origin);
    default:
      throw new OAuthProblem('unsupported_grant_type', 'This grant type is not offered.');
  }
}

function deviceRoute(app: FastifyInstance, deps: OAuthDeps): void {
  app.post(PATHS.device, async (request, reply): Promise<DeviceAuthorization> => {
    await deps.limits.take('device-code-address', placeOf(request.ip));
    const form = formOf(request);
    requireClient(form);
    const fields = parsed(DeviceAuthorizationRequest, form);
    const { scope } = fields;
    if (scope !== undefined && knownScopes(scope).length === 0) {
      throw new OAuthProblem('invalid_scope', 'There is no such scope.');
    }
    const made = await createDeviceCode(deps, fields, request.ip);
    reply.header('cache-control', 'no-store');
    const page = `${deps.issuer()}/device`;
    return {
      device_code: made.deviceCode,
      user_code: made.userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${made.userCode}`,
      expires_in: DEVICE_CODE_LIFE_S,
      interval: made.interval,
    };
  });
}

/** RFC 7009 §2.2: what is unknown is as good as revoked. */
function revocationRoute(app: FastifyInstance, deps: OAuthDeps): void {
  app.post(PATHS.revoke, async (request, reply) => {
    await revokeToken(deps, parameter(formOf(request), 'token'), request.id);
    return reply.code(200).header('cache-control', 'no-store').send({});
  });
}

function requireClient(form: URLSearchParams): void {
  if (parameter(form, 'client_id') === CLIENT_ID) return;
  throw new OAuthProblem('invalid_client', 'There is no such client.', 401);
}

/** @throws OAuthProblem `invalid_request` for what is missing, twice, unknown or not understood */
function parsed<T>(schema: z.ZodMiniType<T>, form: URLSearchParams): T {
  const fields = [...form.keys()].map((name) => [name, parameter(form, name)]);
  const result = schema.safeParse(Object.fromEntries(fields));
  if (result.success) return result.data;
  const field = String(result.error.issues[0]?.path[0] ?? 'a field');
  throw new OAuthProblem('invalid_request', `${field} is not understood.`);
}

function formOf(request: FastifyRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
}

export function originOf(request: FastifyRequest): Origin {
  return { address: request.ip, requestId: request.id };
}

/** RFC 6749 §3.2: a parameter must not be sent twice. */
function parameter(form: URLSearchParams, name: string): string {
  const value = optional(form, name);
  if (value === undefined) throw new OAuthProblem('invalid_request', `${name} is needed, once.`);
  return value;
}

function optional(form: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = form.getAll(name);
  if (more.length > 0) throw new OAuthProblem('invalid_request', `${name} is needed, once.`);
  return value === '' ? undefined : value;
}

function sendOAuth(reply: FastifyReply, status: number, body: OAuthError): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').send(body);
}
