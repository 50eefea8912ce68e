import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import type { LogLevel } from '../settings.ts';

const REQUEST_ID = 'x-request-id';

/**
 * JSON lines. What is logged of a request is chosen, never its headers, query or body; the list
 * below hides what a library might add.
 */
export function logOptions(
  level: LogLevel,
  stream: NodeJS.WritableStream,
): FastifyServerOptions['logger'] {
  return {
    level,
    stream,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: ['*.authorization', '*.secretAccessKey', '*.secret_key', '*.access_token', '*.api_key'],
    serializers: { err: serializeError },
  };
}

/** A request id of the caller is kept when it is harmless to log. */
export function requestId(request: { headers: NodeJS.Dict<string | string[]> }): string {
  const given = request.headers[REQUEST_ID];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
}

/** Answers name the request, and one line is logged when a request is done. */
export function useRequestLog(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header(REQUEST_ID, request.id);
    return Promise.resolve();
  });
  app.addHook('onResponse', async (request, reply) => {
    request.log.info(
      {
        method: request.method,
        // The route, not the address: identifiers and queries stay out of the log.
        route: request.routeOptions.url ?? 'unknown',
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        actor: request.principal?.subject,
        tenant: request.tenant?.slug ?? request.principal?.tenantId ?? undefined,
      },
      'request',
    );
    return Promise.resolve();
  });
}

interface LoggedError {
  [field: string]: unknown;
  type: string;
  message: string;
  stack: string;
}

/** Of an error its class, message, stack and cause; not the fields that libraries hang on it. */
function serializeError(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an error', stack: '' };
  return {
    type: error.name,
    message: error.message,
    stack: error.stack ?? '',
    ...(error.cause instanceof Error ? { cause: serializeError(error.cause) } : {}),
  };
}
