import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate } from './authenticate.ts';
import { toS3Error, type S3Error } from './errors.ts';
import type { CutPoint } from './faults.ts';
import { answerIam, isIamRequest } from './iam-http.ts';
import type { RequestLog } from './request-log.ts';
import { readRequest, toLatin1, type Reply, type StoreRequest } from './request.ts';
import { findRoute } from './routes.ts';
import type { Store } from './store.ts';
import { element, xmlDocument } from './xml.ts';

export interface AnswerContext {
  store: Store;
  requests: RequestLog;
  domains: readonly string[];
}

/** What is known of a request by the time it is logged. */
interface Outcome {
  operation: string;
  accessKeyId: string | undefined;
  errorCode: string | undefined;
  request: StoreRequest | undefined;
  cut: CutPoint | undefined;
}

/** Answers one HTTP request, whatever happens, and counts it. */
export async function answer(
  context: AnswerContext,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { store, requests } = context;
  const at = store.clock.now();
  const outcome: Outcome = {
    operation: 'Unknown',
    accessKeyId: undefined,
    errorCode: undefined,
    request: undefined,
    cut: undefined,
  };
  const reply = await decide(context, message, response, outcome);
  const { operation, accessKeyId, errorCode, request, cut } = outcome;
  // Counted before it is sent: who has the reply in hand also finds it in the counters.
  requests.record({
    at,
    operation,
    bucket: request?.bucket,
    key: request?.key,
    accessKeyId,
    status: reply === undefined ? 0 : reply.status,
    errorCode,
    durationMs: store.clock.now() - at,
  });
  if (reply === undefined) response.destroy();
  else await send(store, reply, response, request, cut === 'body');
}

/** The reply, or undefined when the connection is to be cut. */
async function decide(
  context: AnswerContext,
  message: IncomingMessage,
  response: ServerResponse,
  outcome: Outcome,
): Promise<Reply | undefined> {
  const { store } = context;
  try {
    const request = readRequest(message, response, context.domains);
    outcome.request = request;
    if (isIamRequest(request)) {
      const reply = await answerIam(store, request);
      Object.assign(outcome, {
        operation: reply.operation,
        accessKeyId: reply.accessKeyId,
        errorCode: reply.errorCode,
      });
      return reply;
    }
    const route = findRoute(request);
    outcome.operation = route.name;
    outcome.cut = await store.faults.before(route.name);
    if (outcome.cut === 'before') return undefined;
    const authenticated = authenticate(request, store.keys, store.clock.now(), ['s3']);
    outcome.accessKeyId = authenticated.identity.accessKeyId;
    const reply = await route.run({ store, request, ...authenticated });
    return outcome.cut === 'reply' ? undefined : reply;
  } catch (error) {
    const refusal = toS3Error(error);
    outcome.errorCode = refusal.code;
    return errorReply(refusal, outcome.request);
  }
}

function errorReply(error: S3Error, request: StoreRequest | undefined): Reply {
  if (error.status === 304) return { status: 304, headers: error.details };
  if (request?.method === 'HEAD') return { status: error.status };
  const details = Object.entries(error.details).map(([name, value]) => element(name, value));
  const body = xmlDocument(
    'Error',
    undefined,
    element('Code', error.code),
    element('Message', error.message),
    ...details,
    element('Resource', request === undefined ? '' : resourceOf(request)),
    element('RequestId', request?.id ?? ''),
    element('HostId', request?.id ?? ''),
  );
  return { status: error.status, headers: { 'content-type': 'application/xml' }, body };
}

function resourceOf({ bucket, key }: StoreRequest): string {
  return bucket === undefined ? '/' : `/${bucket}${key === undefined ? '' : `/${key}`}`;
}

async function send(
  store: Store,
  reply: Reply,
  response: ServerResponse,
  request: StoreRequest | undefined,
  cut: boolean,
): Promise<void> {
  // What is left of a body that was refused halfway is read and dropped: Node does so only for
  // bodies that nobody began to read, and most clients send all of it before they look.
  if (request !== undefined && !request.message.complete) request.message.resume();
  const headers = ['x-amz-request-id', request?.id ?? '', 'server', 'cloud-object-store'];
  for (const [name, value] of Object.entries(reply.headers ?? {})) {
    if (value !== undefined) headers.push(name, toLatin1(value));
  }
  // A body that was not wanted is not waited for: the client learns by the closed connection.
  if (request?.headers.has('expect') === true && !request.message.complete) {
    headers.push('connection', 'close');
  }
  const { body } = reply;
  if (typeof body === 'object' && 'bytes' in body) {
    if (reply.headers?.['content-length'] === undefined) {
      headers.push('content-length', String(body.size));
    }
    response.writeHead(reply.status, headers);
    await stream(store.faults.throttle(body.bytes), response, cut ? body.size / 2 : undefined);
    return;
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? new Uint8Array(0));
  const announced = reply.headers?.['content-length'] !== undefined;
  if (!announced && reply.status !== 204 && reply.status !== 304) {
    headers.push('content-length', String(bytes.length));
  }
  response.writeHead(reply.status, headers);
  if (cut) {
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
  } else if (store.faults.settings.bandwidth > 0 && bytes.length > 0) {
    await stream(store.faults.throttle(pieces(bytes)), response, undefined);
  } else {
    response.end(bytes);
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += 16 * 1024) {
    yield await Promise.resolve(bytes.subarray(from, from + 16 * 1024));
  }
}

/** Sends no faster than the client reads; a client that goes away ends the reading. */
async function stream(
  bytes: AsyncIterable<Uint8Array>,
  response: ServerResponse,
  cutAfter: number | undefined,
): Promise<void> {
  let sent = 0;
  try {
    for await (const chunk of bytes) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await drained(response);
      sent += chunk.length;
      if (cutAfter !== undefined && sent >= cutAfter) {
        response.destroy();
        return;
      }
    }
    response.end();
  } catch {
    // The status is out already: a shorter body than announced is how HTTP says "failed".
    response.destroy();
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
