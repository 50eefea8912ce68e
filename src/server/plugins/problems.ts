import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type {
  ConnectionError,
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
} from 'fastify';
import { PROBLEM_CONTENT_TYPE } from '../../api/contract/problem.ts';
import { isDatabaseFull, isDatabaseUnavailable, isUnstorableText } from '../db/database-errors.ts';
import { HttpProblem, invalidField } from '../errors.ts';
import { StorageError } from '../storage/provider.ts';
import { InvalidFieldError } from './validation.ts';

/** Every refusal leaves as problem+json; what we did not foresee says nothing of our insides. */
export function useProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) =>
    sendProblem(request, reply, toProblem(error)),
  );
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, new HttpProblem(404, 'not-found', 'There is nothing here.')),
  );
}

export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: HttpProblem,
): FastifyReply {
  if (problem.status >= 500) request.log.error({ err: problem.cause ?? problem }, problem.message);
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type(PROBLEM_CONTENT_TYPE)
    .send(problem.toBody());
}

/** Fastify's own refusals by status; a message of its is for developers and is not passed on. */
const FRAMEWORK: Record<number, readonly [code: string, title: string]> = {
  400: ['malformed-request', 'The request cannot be read.'],
  404: ['not-found', 'There is nothing here.'],
  408: ['too-slow', 'The request took too long to arrive.'],
  413: ['body-too-large', 'The body is too large.'],
  414: ['address-too-long', 'The address is too long.'],
  415: ['media-type', 'This content type is not understood here.'],
  503: ['stopping', 'The server is stopping.'],
};

export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof InvalidFieldError) {
    return invalidField(error.field, error.message);
  }
  if (error instanceof StorageError) {
    return new HttpProblem(503, 'storage-unavailable', 'The object storage does not answer.', {
      detail: `${error.message}.`,
      headers: { 'retry-after': '10' },
      cause: error,
    });
  }
  if (isDatabaseFull(error)) {
    return new HttpProblem(503, 'disk-full', 'The disk of the server is full.', {
      headers: { 'retry-after': '60' },
      cause: error,
    });
  }
  if (isDatabaseUnavailable(error)) {
    return new HttpProblem(503, 'database-unavailable', 'The database does not answer.', {
      headers: { 'retry-after': '2' },
      cause: error,
    });
  }
  if (isUnstorableText(error)) {
    return new HttpProblem(400, 'malformed-request', 'A text of the request holds a NUL.');
  }
  const status = statusOf(error);
  const known = status === undefined ? undefined : FRAMEWORK[status];
  if (status !== undefined && known !== undefined) return new HttpProblem(status, ...known);
  return new HttpProblem(500, 'internal-error', 'Something went wrong in the server.', {
    cause: error,
  });
}

/** What is no HTTP request gets its refusal on the bare socket (Node's `clientError`). */
export function refuseUnparsable(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new HttpProblem(431, 'headers-too-large', 'The headers are too large.')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new HttpProblem(408, 'too-slow', 'The request took too long to arrive.')
        : new HttpProblem(400, 'malformed-request', 'The request cannot be read.');
  const body = JSON.stringify(problem.toBody());
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n` +
      `content-type: ${PROBLEM_CONTENT_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('FST_') &&
    'statusCode' in error &&
    typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}
