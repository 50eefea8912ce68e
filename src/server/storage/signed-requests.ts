import { AwsClient } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import * as z from 'zod/mini';
import { systemClock, type Clock } from '../../platform/clock.ts';
import { StorageError, type AccessKeyPair } from './provider.ts';

/** No call to the provider may take longer, its repetitions included; in milliseconds. */
const DEADLINE_MS = 10_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3000;
/** Tries of a call that was turned away because of too many, and of one that failed otherwise. */
const TRIES = { throttled: 6, failed: 3 };
/**
 * What must not be repeated when nobody knows whether it took effect: there would be a key, policy,
 * bucket or snapshot that nobody knows of.
 */
const ONCE = new Set(['CreateAccessKey', 'CreatePolicy', 'CreateBucket', 'CreateSnapshot']);
/** Codes of S3 and of the IAM query API with which a call is turned away before it is begun. */
const THROTTLED = new Set([
  ...['SlowDown', 'Throttling', 'ThrottlingException', 'ThrottledException'],
  ...['RequestLimitExceeded', 'RequestThrottled', 'TooManyRequests', 'TooManyRequestsException'],
]);

export interface SignedRequest {
  /** For errors and logs: `CreateBucket`. */
  action: string;
  method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE' | 'HEAD';
  url: string;
  headers?: Record<string, string>;
  body?: string;
  /** The answer is this header instead of the body; empty where it is missing. */
  answerHeader?: string;
  /** Who asks does so again in any case. */
  once?: boolean;
}

export type Signer = (request: SignedRequest) => Promise<string>;

/** Pauses between the tries; for tests. */
export interface RetryDeps {
  clock: Clock;
  /** From 0 to 1. */
  random: () => number;
}

/**
 * Requests signed with SigV4 for one service; the answer is that of a 2xx. What was turned away for
 * being too much is repeated, what failed otherwise only where that is safe; each time after a
 * longer pause with jitter, or the one that the provider asks for.
 */
export function createSigner(
  key: AccessKeyPair,
  service: 's3' | 'iam',
  region: string,
  { clock, random }: RetryDeps = { clock: systemClock, random: Math.random },
): Signer {
  // Repeated here, where it is known what may be.
  const client = new AwsClient({ ...key, service, region, retries: 0 });
  return async (request) => {
    const ends = clock.now() + DEADLINE_MS;
    for (let attempt = 1; ; attempt += 1) {
      const answered = await sendOnce(client, request, Math.max(1, ends - clock.now()));
      if (!('error' in answered)) return answered.text;
      const { error, retryAfterMs } = answered;
      const backOff = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
      const pause = Math.max(retryAfterMs, backOff * (0.5 + random() / 2));
      if (attempt >= triesFor(request, error) || clock.now() + pause >= ends) throw error;
      await clock.sleep(pause);
    }
  };
}

function triesFor({ action, once }: SignedRequest, { code, status }: StorageError): number {
  if (once === true) return 1;
  if (status === 429 || THROTTLED.has(code)) return TRIES.throttled;
  const failed = status === 0 || status >= 500;
  // 501 will not be otherwise the next time.
  return failed && status !== 501 && !ONCE.has(action) ? TRIES.failed : 1;
}

type Answered = { text: string } | { error: StorageError; retryAfterMs: number };

async function sendOnce(
  client: AwsClient,
  { action, method, url, headers, body, answerHeader }: SignedRequest,
  withinMs: number,
): Promise<Answered> {
  let response: Response;
  let text: string;
  try {
    response = await client.fetch(url, {
      method,
      headers: { ...headers },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(withinMs),
    });
    text = await response.text();
  } catch (cause) {
    return { error: new StorageError(action, 'Unreachable', 0, cause), retryAfterMs: 0 };
  }
  const { status } = response;
  if (status < 200 || status > 299) {
    const asked = Number(response.headers.get('retry-after') ?? 0);
    const retryAfterMs = Number.isFinite(asked) && asked > 0 ? asked * 1000 : 0;
    return { error: new StorageError(action, errorCode(text), status), retryAfterMs };
  }
  if (answerHeader === undefined) return { text };
  return { text: response.headers.get(answerHeader) ?? '' };
}

const parser = new XMLParser({
  ignoreAttributes: true,
  // Identifiers of digits only stay text.
  parseTagValue: false,
  isArray: (name) => name === 'member',
});

/** Parses an XML answer by `schema`. @throws StorageError `BadAnswer` */
export function parseAnswer<T>(action: string, text: string, schema: z.ZodMiniType<T>): T {
  const parsed = schema.safeParse(parseXml(text));
  // Not the cause: it may quote the answer, and the answer may hold a secret.
  if (!parsed.success) throw new StorageError(action, 'BadAnswer', 200);
  return parsed.data;
}

/** A list that goes on where it was would never end. @throws StorageError `BadAnswer` */
export function assertMoved(action: string, from: string | undefined, to: string): void {
  if (from === to) throw new StorageError(action, 'BadAnswer', 200);
}

/** S3 answers `<Error><Code>`, IAM `<ErrorResponse><Error><Code>`. */
const ErrorAnswer = z.union([
  z.object({ Error: z.object({ Code: z.string() }) }),
  z.object({ ErrorResponse: z.object({ Error: z.object({ Code: z.string() }) }) }),
]);

function errorCode(text: string): string {
  const { data } = ErrorAnswer.safeParse(parseXml(text));
  if (data === undefined) return 'Unknown';
  return 'Error' in data ? data.Error.Code : data.ErrorResponse.Error.Code;
}

function parseXml(text: string): unknown {
  try {
    return parser.parse(text);
  } catch {
    return undefined;
  }
}
