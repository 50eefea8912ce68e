import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Clock } from '../platform/clock.ts';
import { proxyAgents } from '../platform/proxy.ts';
import { PROBLEM_CONTENT_TYPE, TENANT_REFUSALS } from './contract/problem.ts';
import { LONGEST_RETRY_MS, networkReason, StreamEnd } from './event-stream-end.ts';

export interface ConnectionOptions {
  server: string;
  /**
   * A valid token; called with the one that the server has just refused, it gets another one if
   * there is any.
   */
  token: (refused?: string) => Promise<string>;
  clock: Clock;
  signal: AbortSignal;
}

const ANSWER_WITHIN_MS = 15_000;

/**
 * An answer that is an event stream. A refused token is renewed once: it may have been revoked, or
 * the clocks differ.
 *
 * @throws StreamEnd
 */
export async function requestStream(
  options: ConnectionOptions,
  lastEventId: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const response = await authorized(options, lastEventId, signal);
  checkAnswer(response, options.clock);
  return response;
}

async function authorized(
  options: ConnectionOptions,
  lastEventId: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const token = await tokenOf(options);
  const response = await request(options, token, lastEventId, signal);
  if (response.statusCode !== 401) return response;
  const fresh = await tokenOf(options, token);
  if (fresh === token) return response;
  response.destroy();
  return request(options, fresh, lastEventId, signal);
}

async function tokenOf(options: ConnectionOptions, refused?: string): Promise<string> {
  try {
    return await options.token(refused);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (!(error instanceof AbortError) || error.exitCode === ExitCode.unreachable) {
      throw new StreamEnd('network', text);
    }
    throw new StreamEnd(TENANT_REFUSALS.has(error.code) ? 'denied' : 'auth', text);
  }
}

async function request(
  { server, clock }: ConnectionOptions,
  token: string,
  lastEventId: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const answering = new AbortController();
  const late = clock
    .sleep(ANSWER_WITHIN_MS, answering.signal)
    .then(() => Promise.reject(new StreamEnd('network', 'no answer in time')));
  const asked = get(
    `${server.replace(/\/+$/, '')}/tenant/events`,
    {
      accept: 'text/event-stream',
      // A compressing proxy would hold events back until a block is full.
      'accept-encoding': 'identity',
      'cache-control': 'no-store',
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
    signal,
  );
  // Whichever is later is of no interest any more.
  late.catch(() => undefined);
  asked.catch(() => undefined);
  try {
    return await Promise.race([asked, late]);
  } catch (error) {
    if (error instanceof StreamEnd) throw error;
    throw new StreamEnd('network', networkReason(error));
  } finally {
    answering.abort();
  }
}

/** Node's own client, and not fetch: it goes through the proxies that the environment names. */
function get(
  address: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const url = new URL(address);
    const agents = proxyAgents(process.env);
    const sent =
      url.protocol === 'https:'
        ? httpsRequest(url, { headers, signal, agent: agents.https })
        : httpRequest(url, { headers, signal, agent: agents.http });
    sent.once('response', resolve);
    // Also after the answer has begun, when the reader is told by the body itself.
    sent.on('error', reject);
    sent.end();
  });
}

function checkAnswer(response: IncomingMessage, clock: Clock): void {
  const type = response.headers['content-type'] ?? '';
  const { statusCode: status = 0 } = response;
  if (status === 200 && type.startsWith('text/event-stream')) return;
  response.destroy();
  const ours = type.startsWith(PROBLEM_CONTENT_TYPE);
  const detail = `the server answered ${status}`;
  // A 404 of anybody else may be a captive portal or a proxy that has lost its server.
  if (status === 501 || (ours && (status === 404 || status === 405))) {
    throw new StreamEnd('not-offered', detail);
  }
  if (status === 401) throw new StreamEnd('auth', detail);
  if (status === 403 && ours) throw new StreamEnd('denied', detail);
  if (status === 429 || status >= 500) {
    throw new StreamEnd('unavailable', detail, retryAfter(response, clock));
  }
  throw new StreamEnd('not-our-server', `${detail} with ${type === '' ? 'nothing' : type}`);
}

/** RFC 9110 §10.2.3: seconds or a date. */
function retryAfter({ headers }: IncomingMessage, clock: Clock): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - clock.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_RETRY_MS);
}
