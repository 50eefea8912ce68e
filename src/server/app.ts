import fastify, { LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { Clock } from '../platform/clock.ts';
import type { Database } from './db/sqlite.ts';
import type { AccessTokens } from './domain/access-tokens.ts';
import type { AuditTrail } from './domain/audit-trail.ts';
import type { Intents } from './domain/intents.ts';
import type { SigningKeys } from './domain/signing-keys.ts';
import type { TenantAccess } from './domain/tenant-access.ts';
import type { Purges } from './domain/tenant-purge.ts';
import type { WebhookFor } from './events/bucket-notifications.ts';
import type { EventBus } from './events/event-bus.ts';
import { SyncForwarder } from './events/sync-forward.ts';
import type { Floods } from './identity/floods.ts';
import type { ProviderKeys } from './identity/issuers/provider.ts';
import type { Passwords } from './identity/passwords.ts';
import type { RateLimits } from './identity/rate-limits.ts';
import type { JobRunner } from './jobs/runner.ts';
import type { Metrics } from './metrics.ts';
import { useAuthentication } from './plugins/authentication.ts';
import { useContract } from './plugins/contract.ts';
import { useDraining } from './plugins/draining.ts';
import { useLatestVersion } from './plugins/latest-version.ts';
import { refuseUnparsable, sendProblem, toProblem, useProblems } from './plugins/problems.ts';
import type { RequestRate } from './plugins/request-rate.ts';
import { requestId, useRequestLog } from './plugins/request-log.ts';
import { useRequestMetrics } from './plugins/request-metrics.ts';
import { useBodies, useContractSchemas } from './plugins/validation.ts';
import { adminTokenRoutes } from './routes/admin-tokens.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit.ts';
import { authRoutes } from './routes/auth.ts';
import { deviceRoutes } from './routes/device.ts';
import { driftRoutes } from './routes/drift.ts';
import { eventRoutes } from './routes/events.ts';
import { issuerRoutes } from './routes/issuers.ts';
import { jobRoutes } from './routes/jobs.ts';
import { memberRoutes } from './routes/members.ts';
import { mountRoutes } from './routes/mount.ts';
import { oauthRoutes } from './routes/oauth.ts';
import { serviceRoutes } from './routes/service.ts';
import { signingKeyRoutes } from './routes/signing-keys.ts';
import { snapshotRoutes } from './routes/snapshots.ts';
import { tenantRoutes } from './routes/tenants.ts';
import { userRoutes } from './routes/users.ts';
import type { StorageProvider } from './storage/provider.ts';

export interface AppDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
  intents: Intents;
  access: TenantAccess;
  purges: Purges;
  accessTokens: AccessTokens;
  keys: SigningKeys;
  passwords: Passwords;
  limits: RateLimits;
  floods: Floods;
  requestRate: RequestRate;
  providerKeys: ProviderKeys;
  /** Whether a trusted issuer may be in a private network. */
  allowPrivateIssuers: boolean;
  trail: AuditTrail;
  /** Our own address, for the outside. */
  issuer: () => string;
  userCodeKey: Buffer;
  pageKey: Buffer;
  trustedProxies: string[];
  bucketPrefix: string;
  bus: EventBus;
  /** Whether this process hears of what other server processes publish. */
  isListening: () => boolean;
  jobs: JobRunner;
  metrics: Metrics;
  webhookFor: WebhookFor;
  webhookToken: (tenantId: string) => string;
  /** Whether the sync address of a tenant may be in a private network. */
  allowPrivateSync: boolean;
  version: string;
  /** The newest release of the program; what is no release is not told. */
  latestVersion: string;
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
    trustProxy: deps.trustedProxies.length === 0 ? false : deps.trustedProxies,
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
  useLatestVersion(app, deps.latestVersion);
  useRequestLog(app);
  useRequestMetrics(app, deps.metrics);
  useProblems(app);
  useContractSchemas(app);
  useBodies(app);
  useContract(app, deps.version);
  const guards = useAuthentication(app, deps);
  serviceRoutes(app, deps);
  authRoutes(app, deps, guards);
  oauthRoutes(app, deps);
  deviceRoutes(app, deps);
  apiKeyRoutes(app, deps, guards);
  adminTokenRoutes(app, deps, guards);
  userRoutes(app, deps, guards);
  memberRoutes(app, deps, guards);
  auditRoutes(app, deps, guards);
  signingKeyRoutes(app, deps, guards);
  issuerRoutes(app, deps, guards);
  jobRoutes(app, deps, guards);
  mountRoutes(app, deps, guards);
  snapshotRoutes(app, deps, guards);
  tenantRoutes(app, deps, guards);
  driftRoutes(app, deps, guards);
  const forwarder = new SyncForwarder({
    allowPrivate: deps.allowPrivateSync,
    onError: (err, tenant) =>
      app.log.warn({ err, tenant }, 'the sync address of a tenant was not told'),
  });
  eventRoutes(app, { ...deps, forwarder }, guards);
  return app;
}
