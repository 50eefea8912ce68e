import type { Got, HTTPError, Method, RequestError } from 'got';
import type * as z from 'zod/mini';
import { AbortError, type AbortDetails } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { proxyAgents } from '../platform/proxy.ts';
import { OAuthError, Problem, TENANT_REFUSALS } from './contract/problem.ts';

export interface ApiClientOptions {
  /** Base URL of the server: `https://cloud.example`. */
  server: string;
  /**
   * A valid access token or admin token for each request that is not anonymous. Called with the one
   * that the server has just refused, it gets another one, if there is any.
   */
  token?: (refused?: string) => Promise<string>;
  /** Whole-request time-out in milliseconds. Default 15,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Is handed the header fields of each answer that is no error. */
  onAnswer?: (headers: NodeJS.Dict<string | string[]>) => void;
  /** Names the proxies; default this process's own. */
  env?: NodeJS.ProcessEnv;
}

export interface Call<T> {
  method: Method;
  path: string;
  answer?: z.ZodMiniType<T>;
  json?: unknown;
  form?: Record<string, string>;
  anonymous?: boolean;
  /** The path holds an id, so 404 is an answer of ours although one with content was expected. */
  mayBeGone?: boolean;
  /** Of one that takes longer than the others. */
  timeoutMs?: number;
}

export type Send = <T>(request: Call<T>) => Promise<T>;

/** What a person typed as an id must not become another path. */
export function pathPart(id: string): string {
  return encodeURIComponent(id);
}

/** What is undefined is left out. */
export function withQuery(
  path: string,
  fields: Readonly<Record<string, string | number | undefined>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/** Sends calls to one server. Every failure is an `AbortError` with an exit code. */
export function openRequests(options: ApiClientOptions): Send {
  let http: Promise<Http> | undefined;
  return async (request) => {
    http ??= openHttp(options);
    return send(await http, options, request);
  };
}

interface Http {
  request: Got;
  onAnswer: ApiClientOptions['onAnswer'];
  /** got's error classes, at hand once it is loaded. */
  toAbortError(error: unknown, server: string): unknown;
}

/** Loads got with the first request: commands that stay offline start without it. */
async function openHttp(options: ApiClientOptions): Promise<Http> {
  const { default: got, HTTPError, RequestError } = await import('got');
  return {
    onAnswer: options.onAnswer,
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
  let body: string;
  try {
    body = await sendAuthorized(http, options, request);
  } catch (error) {
    options.signal?.throwIfAborted();
    const failure = http.toAbortError(error, options.server);
    // Routes with an answer are always there; without one they hold an id, which may be gone.
    const noSuchRoute = failure instanceof AbortError && failure.code === 'not-found';
    const holdsNoId = request.answer !== undefined && request.mayBeGone !== true;
    throw noSuchRoute && holdsNoId ? notOurs(options.server) : failure;
  }
  if (request.answer === undefined) return undefined as T;
  const parsed = request.answer.safeParse(parseJson(body));
  if (!parsed.success) throw notOurs(options.server);
  return parsed.data;
}

/**
 * A token that is refused before its time is renewed once: the clocks may differ, another process
 * has signed in anew, or the user has a role since that gives more than the token says. Nothing was
 * done for a request that was refused so, whatever it is.
 */
async function sendAuthorized<T>(
  http: Http,
  { token, server }: ApiClientOptions,
  request: Call<T>,
): Promise<string> {
  if (request.anonymous === true) return sendOnce(http, request);
  if (token === undefined) throw notSignedIn();
  const first = await token();
  try {
    return await sendOnce(http, request, first);
  } catch (error) {
    const failure = http.toAbortError(error, server);
    if (!(failure instanceof AbortError) || !mayBeStale(failure)) throw error;
    const other = await token(first);
    if (other === first) throw error;
    return sendOnce(http, request, other);
  }
}

function mayBeStale({ code, details }: AbortError): boolean {
  return details['status'] === 401 || code === 'scope-missing';
}

async function sendOnce<T>(http: Http, request: Call<T>, token?: string): Promise<string> {
  const response = await http.request(request.path, {
    method: request.method,
    headers: {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(request.json === undefined ? {} : { json: request.json }),
    ...(request.form === undefined ? {} : { form: request.form }),
    ...(request.timeoutMs === undefined ? {} : { timeout: { request: request.timeoutMs } }),
  });
  http.onAnswer?.(response.headers);
  return response.body;
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
  return new AbortError(code, text, forStatus(statusCode, code, problem.data, oauth.data?.tenants));
}

function forStatus(
  status: number,
  code: string,
  problem: Problem | undefined,
  tenants = problem?.tenants,
): AbortDetails {
  const details: Record<string, unknown> = { status };
  if (problem?.field !== undefined) details['field'] = problem.field;
  if (tenants !== undefined) details['tenants'] = tenants;
  // 400 on the token endpoint is RFC 6749's answer to a bad grant, which is an invalid key.
  if (status === 401 || (status === 400 && problem === undefined)) {
    return { exitCode: ExitCode.auth, suggestions: ['Sign in again: cloud login'], details };
  }
  if (status === 403) {
    const suggestions = TENANT_REFUSALS.has(code) ? [ASK_ADMINISTRATOR] : [];
    return { exitCode: ExitCode.auth, suggestions, details };
  }
  if (status === 404 && LISTED_BY[code] !== undefined) {
    return { exitCode: ExitCode.failed, suggestions: [LISTED_BY[code]], details };
  }
  if (status === 429 || status >= 500) {
    return { exitCode: ExitCode.unreachable, suggestions: ['Try again in a moment.'], details };
  }
  return { exitCode: ExitCode.failed, details };
}

/** Where a person finds the right name. */
const LISTED_BY: Record<string, string> = {
  'tenant-not-found': 'See which there are: cloud admin tenant list',
  'user-not-found': 'See which there are: cloud admin user list',
  'member-not-found': 'See who they are: cloud admin tenant member list',
  'job-not-found': 'See which there are: cloud admin jobs list',
  'issuer-not-found': 'See which there are: cloud admin issuer list',
};

const ASK_ADMINISTRATOR =
  'Ask whoever administers the server. What runs here keeps its files and goes on by itself then.';

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
