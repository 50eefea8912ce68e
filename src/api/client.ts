import type { Got, HTTPError, Method, RequestError } from 'got';
import type * as z from 'zod/mini';
import { AbortError, type AbortDetails } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { proxyAgents } from '../platform/proxy.ts';
import { CreatedTenant, TenantList, type CreateTenant } from './contract/admin.ts';
import type { SyncNotice } from './contract/events.ts';
import { API_KEY_GRANT, Me, TokenResponse } from './contract/auth.ts';
import {
  MountCredentialList,
  MountCredentialWithSecret,
  MountInfo,
  type CreateMountCredential,
} from './contract/mount.ts';
import { OAuthError, Problem } from './contract/problem.ts';
import { ServerVersion } from './contract/server.ts';

export interface ApiClientOptions {
  /** Base URL of the server: `https://cloud.example`. */
  server: string;
  /** A valid access token or admin token for each request; not asked for by `version` and `exchangeApiKey`. */
  token?: () => Promise<string>;
  /** Whole-request time-out in milliseconds. Default 15,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Names the proxies; default this process's own. */
  env?: NodeJS.ProcessEnv;
}

/** The server's routes as typed calls. Every failure is an `AbortError` with an exit code. */
export interface ApiClient {
  version(): Promise<ServerVersion>;
  exchangeApiKey(apiKey: string): Promise<TokenResponse>;
  me(): Promise<Me>;
  mountInfo(): Promise<MountInfo>;
  createMountCredential(body: CreateMountCredential): Promise<MountCredentialWithSecret>;
  listMountCredentials(): Promise<MountCredentialList>;
  revokeMountCredential(id: string): Promise<void>;
  confirmMountCredential(id: string): Promise<void>;
  /** Tells other clients of what was uploaded, for a storage that does not notify by itself. */
  announceSync(notice: SyncNotice): Promise<void>;
  createTenant(body: CreateTenant): Promise<CreatedTenant>;
  listTenants(): Promise<TenantList>;
}

interface Call<T> {
  method: Method;
  path: string;
  answer?: z.ZodMiniType<T>;
  json?: unknown;
  form?: Record<string, string>;
  anonymous?: boolean;
}

export function createApiClient(options: ApiClientOptions): ApiClient {
  let http: Promise<Http> | undefined;
  const call = async <T>(request: Call<T>): Promise<T> => {
    http ??= openHttp(options);
    return send(await http, options, request);
  };
  const nothing = async (request: Call<unknown>): Promise<void> => {
    await call(request);
  };
  const credentials = 'tenant/mount/credentials';
  return {
    version: () => call({ method: 'GET', path: 'version', answer: ServerVersion, anonymous: true }),
    exchangeApiKey: (apiKey) =>
      call({
        method: 'POST',
        path: 'api/v1/auth/token',
        form: { grant_type: API_KEY_GRANT, api_key: apiKey },
        answer: TokenResponse,
        anonymous: true,
      }),
    me: () => call({ method: 'GET', path: 'api/v1/auth/me', answer: Me }),
    mountInfo: () => call({ method: 'GET', path: 'tenant/mount/info', answer: MountInfo }),
    createMountCredential: (json) =>
      call({ method: 'POST', path: credentials, json, answer: MountCredentialWithSecret }),
    listMountCredentials: () =>
      call({ method: 'GET', path: credentials, answer: MountCredentialList }),
    revokeMountCredential: (id) => nothing({ method: 'DELETE', path: `${credentials}/${id}` }),
    confirmMountCredential: (id) =>
      nothing({ method: 'POST', path: `${credentials}/${id}/confirm` }),
    announceSync: (json) => nothing({ method: 'POST', path: 'tenant/sync', json }),
    createTenant: (json) =>
      call({ method: 'POST', path: 'api/v1/admin/tenants', json, answer: CreatedTenant }),
    listTenants: () => call({ method: 'GET', path: 'api/v1/admin/tenants', answer: TenantList }),
  };
}

interface Http {
  request: Got;
  /** got's error classes, at hand once it is loaded. */
  toAbortError(error: unknown, server: string): unknown;
}

/** Loads got with the first request: commands that stay offline start without it. */
async function openHttp(options: ApiClientOptions): Promise<Http> {
  const { default: got, HTTPError, RequestError } = await import('got');
  return {
    request: got.extend({
      prefixUrl: options.server.replace(/\/+$/, ''),
      timeout: { request: options.timeoutMs ?? 15_000 },
      agent: proxyAgents(options.env ?? process.env),
      // Only what is safe to repeat: got does not retry POST by itself.
      retry: { limit: 2 },
      followRedirect: false,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }),
    toAbortError: (error, server) => {
      if (error instanceof HTTPError) return fromAnswer(error, server);
      return error instanceof RequestError ? unreachable(error, server) : error;
    },
  };
}

async function send<T>(http: Http, options: ApiClientOptions, request: Call<T>): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (request.anonymous !== true) {
    if (options.token === undefined) throw notSignedIn();
    headers['authorization'] = `Bearer ${await options.token()}`;
  }
  let body: string;
  try {
    const response = await http.request(request.path, {
      method: request.method,
      headers,
      ...(request.json === undefined ? {} : { json: request.json }),
      ...(request.form === undefined ? {} : { form: request.form }),
    });
    body = response.body;
  } catch (error) {
    options.signal?.throwIfAborted();
    const failure = http.toAbortError(error, options.server);
    // Routes with an answer are always there; without one they hold an id, which may be gone.
    const noSuchRoute = failure instanceof AbortError && failure.code === 'not-found';
    throw noSuchRoute && request.answer !== undefined ? notOurs(options.server) : failure;
  }
  if (request.answer === undefined) return undefined as T;
  const parsed = request.answer.safeParse(parseJson(body));
  if (!parsed.success) throw notOurs(options.server);
  return parsed.data;
}

function notOurs(server: string): AbortError {
  return new AbortError('not-our-server', `${server} answered, but not as this server does.`, {
    exitCode: ExitCode.unreachable,
    suggestions: ['Check the address (--server).'],
  });
}

function unreachable(error: RequestError, server: string): AbortError {
  return new AbortError('server-unreachable', `Cannot reach ${server}: ${reason(error)}.`, {
    exitCode: ExitCode.unreachable,
    suggestions: [
      'Is the address right and the server running? `cloud server start` runs one here.',
    ],
    cause: error,
  });
}

function fromAnswer(error: HTTPError, server: string): AbortError {
  const { statusCode, body } = error.response;
  const json = parseJson(typeof body === 'string' ? body : '');
  const problem = Problem.safeParse(json);
  const oauth = OAuthError.safeParse(json);
  if (!problem.success && !oauth.success) {
    const exitCode =
      statusCode === 401 || statusCode === 403 ? ExitCode.auth : ExitCode.unreachable;
    return new AbortError(
      'not-our-server',
      `${server} answered ${statusCode}, not as this server does.`,
      {
        exitCode,
        suggestions: ['Check the address, and any proxy in between.'],
        details: { status: statusCode },
      },
    );
  }
  const code = problem.success ? problem.data.code : (oauth.data?.error ?? 'failed');
  const text = problem.success
    ? (problem.data.detail ?? problem.data.title)
    : (oauth.data?.error_description ?? code);
  return new AbortError(code, text, forStatus(statusCode, problem.data));
}

function forStatus(status: number, problem: Problem | undefined): AbortDetails {
  const details: Record<string, unknown> = { status };
  if (problem?.field !== undefined) details['field'] = problem.field;
  // 400 on the token endpoint is RFC 6749's answer to a bad grant, which is an invalid key.
  if (status === 401 || (status === 400 && problem === undefined)) {
    return { exitCode: ExitCode.auth, suggestions: ['Sign in again: cloud login'], details };
  }
  if (status === 403) return { exitCode: ExitCode.auth, details };
  if (status === 429 || status >= 500) {
    return { exitCode: ExitCode.unreachable, suggestions: ['Try again in a moment.'], details };
  }
  return { exitCode: ExitCode.failed, details };
}

function notSignedIn(): AbortError {
  return new AbortError('not-signed-in', 'You are not signed in.', {
    exitCode: ExitCode.auth,
    suggestions: ['cloud login'],
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reason(error: RequestError): string {
  const known: Record<string, string> = {
    ECONNREFUSED: 'the connection was refused',
    ECONNRESET: 'the connection was cut',
    EPROTO: 'it does not speak TLS; is it http://, without the s?',
    ENOTFOUND: 'the name is not known',
    EAI_AGAIN: 'the name cannot be looked up now',
    ETIMEDOUT: 'no answer in time',
    ERR_INVALID_URL: 'not a URL',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted',
    CERT_HAS_EXPIRED: 'its certificate has expired',
  };
  return known[error.code] ?? error.message;
}
