import fastify, { LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { JWK } from 'jose';
import type { Clock } from '../platform/clock.ts';
import type { Database } from './db/sqlite.ts';
import type { AccessTokens } from './domain/access-tokens.ts';
import type { Intents } from './domain/intents.ts';
import type { WebhookFor } from './events/bucket-notifications.ts';
import type { EventBus } from './events/event-bus.ts';
import { SyncForwarder } from './events/sync-forward.ts';
import { useAuthentication } from './plugins/authentication.ts';
import { useDraining } from './plugins/draining.ts';
import { refuseUnparsable, sendProblem, toProblem, useProblems } from './plugins/problems.ts';
import { requestId, useRequestLog } from './plugins/request-log.ts';
import { useBodies, useContractSchemas } from './plugins/validation.ts';
import { authRoutes } from './routes/auth.ts';
import { eventRoutes } from './routes/events.ts';
import { mountRoutes } from './routes/mount.ts';
import { serviceRoutes } from './routes/service.ts';
import { tenantRoutes } from './routes/tenants.ts';
import type { StorageProvider } from './storage/provider.ts';

export interface AppDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  intents: Intents;
  accessTokens: AccessTokens;
  jwks: { keys: JWK[] };
  bucketPrefix: string;
  bus: EventBus;
  webhookFor: WebhookFor;
  webhookToken: (tenantId: string) => string;
  /** Whether the sync address of a tenant may be in a private network. */
  allowPrivateSync: boolean;
  version: string;
  logger: FastifyServerOptions['logger'];
}

const BODY_LIMIT = 64 * 1024;
const HEADER_LIMIT = 16 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

/** The HTTP application. It opens and closes nothing: what it needs is handed in. */
export function buildApp(deps: AppDeps): FastifyInstance {
  const app = fastify({
    logger: deps.logger ?? false,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    genReqId: requestId,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { maxHeaderSize: HEADER_LIMIT, headersTimeout: 10_000 },
    // A connection without a request ends with close(); a running request is answered first.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    // An address that cannot be decoded never reaches the error handler.
    frameworkErrors: (error, request, reply) => {
      sendProblem(request, reply, toProblem(error));
    },
    clientErrorHandler: refuseUnparsable,
  });
  useDraining(app);
  useRequestLog(app);
  useProblems(app);
  useContractSchemas(app);
  useBodies(app);
  const guards = useAuthentication(app, deps);
  serviceRoutes(app, deps);
  authRoutes(app, deps, guards);
  mountRoutes(app, deps, guards);
  tenantRoutes(app, deps, guards);
  const forwarder = new SyncForwarder({
    allowPrivate: deps.allowPrivateSync,
    onError: (err, tenant) =>
      app.log.warn({ err, tenant }, 'the sync address of a tenant was not told'),
  });
  eventRoutes(app, { ...deps, forwarder }, guards);
  return app;
}
