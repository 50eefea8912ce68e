import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { systemClock, type Clock } from '../platform/clock.ts';
import { buildApp } from './app.ts';
import { bind } from './bind.ts';
import { filesIn } from './data-folder.ts';
import { AccessTokens } from './domain/access-tokens.ts';
import { Intents } from './domain/intents.ts';
import type { DeletionReport, UnfinishedReport } from './domain/recovery.ts';
import { TenantAccess } from './domain/tenant-access.ts';
import { Purges } from './domain/tenant-purge.ts';
import type { WebhookFor } from './events/bucket-notifications.ts';
import { announceLostEvents, DeliveryMark } from './events/lost-events.ts';
import { openEvents } from './events/open-events.ts';
import { webhookToken } from './events/webhook.ts';
import { seedAccounts, seedFirstTenants } from './first-start.ts';
import { ProviderKeys } from './identity/issuers/provider.ts';
import { keepIdentity } from './identity/upkeep.ts';
import type { JobReport } from './jobs/job.ts';
import { JobRunner } from './jobs/runner.ts';
import { serverJobs } from './jobs/server-jobs.ts';
import type { Logger } from './logger.ts';
import { Metrics } from './metrics.ts';
import { openIdentity, openState } from './open-state.ts';
import { RequestRate } from './plugins/request-rate.ts';
import { logOptions } from './plugins/request-log.ts';
import type { ServerSettings } from './settings.ts';
import { openStorage, type StorageHandle } from './storage/open-storage.ts';
import type { StorageProvider } from './storage/provider.ts';

export interface StartOptions {
  settings: ServerSettings;
  version: string;
  /** Where JSON log lines go. */
  logStream: NodeJS.WritableStream;
  clock?: Clock;
  /** Stands between the domain and the provider: for tests of lost replies and crashes. */
  wrapStorage?: (storage: StorageProvider) => StorageProvider;
}

export interface RunningServer {
  /** Where clients reach it. */
  url: string;
  /** S3 endpoint that clients are given. */
  storageUrl: string;
  dataFolder: string;
  /** Null when the operator chose the first token. */
  adminTokenFile: string | null;
  /** The object store in this process, if it is one. */
  objectStore: StorageHandle['objectStore'];
  /** Finishes now what an earlier run left; otherwise a job does. */
  recover(): Promise<UnfinishedReport & DeletionReport>;
  /** Does now what this process does every minute, and every other job. */
  upkeep(): Promise<void>;
  /** Answers running requests, then closes storage and database. */
  close(): Promise<void>;
}

const UPKEEP_EVERY_MS = 60_000;

const LEFT_BY_A_CRASH = ['unfinished', 'deletion-retry'];

type JobCounts<Report> = JobReport & Report;

/**
 * Starts everything in order: folder, lock, database, keys, storage, leftovers, HTTP. If a step
 * fails, the earlier ones are undone.
 *
 * @throws ServerStartError; LockHeldError when a server runs in this folder
 */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { settings } = options;
  const clock = options.clock ?? systemClock;
  await using opened = new AsyncDisposableStack();
  const { db, postgres, masterKey, keys } = await openState(settings, clock, opened);
  const metrics = new Metrics(postgres?.pool);
  // This process among all that share the database.
  const owner = randomUUID();
  const logger: Logger = {
    info: (fields, text) => app.log.info(fields, text),
    warn: (fields, text) => app.log.warn(fields, text),
    error: (fields, text) => app.log.error(fields, text),
  };
  const storage = await openStorage(settings, masterKey, clock);
  const { objectStore } = storage;
  const mark = new DeliveryMark(filesIn(settings.dataFolder).deliveryMark);
  opened.defer(() => mark.end(objectStore?.undelivered ?? 0));
  opened.defer(() => storage.close());
  const provider = options.wrapStorage?.(storage.provider) ?? storage.provider;
  const among = postgres === undefined ? undefined : owner;
  const requestRate = new RequestRate(clock, settings.requestsAMinute, among);
  const { log, bus, isListening } = await openEvents(
    { db, postgres, clock, keys, logger, metrics, rate: requestRate },
    opened,
  );
  const intents = new Intents(db, clock, owner);
  const recovery = { db, clock, storage: provider, intents };
  const access = new TenantAccess(recovery);
  const purges = new Purges({ ...recovery, bus });

  const identity = openIdentity(db, clock, masterKey);
  opened.defer(async () => {
    await identity.floods.write();
    await identity.trail.seal();
  });
  const listening = { url: settings.publicUrl ?? '', address: '' };
  const webhookFor: WebhookFor = (tenantId) => {
    // Our own storage is on this machine; another one reaches us where clients do.
    const base = settings.storage.kind === 'embedded' ? listening.address : settings.publicUrl;
    if (base === undefined) return undefined;
    const token = webhookToken(masterKey, tenantId);
    return { url: `${base}/webhooks/tigris/${tenantId}`, token };
  };
  const jobs = new JobRunner(
    {
      ...{ db, clock, owner, logger },
      onRun: (job, outcome, ms) => metrics.jobs.observe({ job, outcome }, ms / 1000),
    },
    serverJobs({
      ...{ ...recovery, ...identity, access, purges, bus, log, webhookFor, logger },
      bucketPrefix: settings.bucketPrefix,
    }),
  );
  const app = buildApp({
    ...recovery,
    ...identity,
    ...{ access, purges },
    ...{ jobs, metrics, isListening },
    accessTokens: new AccessTokens({ keys, issuer: () => listening.url, clock }),
    keys,
    issuer: () => listening.url,
    trustedProxies: settings.trustedProxies,
    bucketPrefix: settings.bucketPrefix,
    requestRate,
    bus,
    webhookFor,
    webhookToken: (tenantId) => webhookToken(masterKey, tenantId),
    allowPrivateSync: settings.allowPrivateSync,
    allowPrivateIssuers: settings.allowPrivateIssuers,
    providerKeys: new ProviderKeys(clock, { allowPrivate: settings.allowPrivateIssuers }),
    version: options.version,
    latestVersion: settings.latestVersion === 'own' ? options.version : settings.latestVersion,
    logger: logOptions(settings.logLevel ?? 'info', options.logStream),
  });
  opened.defer(() => app.close());
  // What was written until now is still told, as long as we listen.
  opened.defer(() => objectStore?.delivered());
  const tokenFile = await seedAccounts(app, { ...identity, db, clock }, settings);
  await jobs.register();
  opened.defer(() => jobs.stop());
  for (const name of LEFT_BY_A_CRASH) await jobs.runAgain(name, false).catch(() => undefined);
  if (objectStore !== undefined) await mark.begin(() => announceLostEvents(db, bus));
  listening.address = await bind(app, settings);
  listening.url = settings.publicUrl ?? listening.address;
  // The buckets of tenants are told where we listen.
  await seedFirstTenants(
    app,
    { ...recovery, bucketPrefix: settings.bucketPrefix, webhookFor },
    settings.seedTenants,
  );
  await watchBuckets(app, settings, jobs);
  jobs.start();
  if (objectStore === undefined) await announceLostEvents(db, bus);
  const keep = (): Promise<void> => keepIdentity({ ...identity, keys }, app.log);
  const timer = setInterval(() => void keep(), UPKEEP_EVERY_MS).unref();
  opened.defer(() => clearInterval(timer));

  const running = opened.move();
  return {
    url: listening.url,
    storageUrl: provider.endpointUrl,
    dataFolder: settings.dataFolder,
    adminTokenFile: tokenFile,
    objectStore,
    recover: async () => {
      const cleaned = (await jobs.runAgain('unfinished')) as JobCounts<UnfinishedReport>;
      const deleted = (await jobs.runAgain('deletion-retry')) as JobCounts<DeletionReport>;
      return { ...cleaned, ...deleted, postponed: cleaned.postponed + deleted.postponed };
    },
    upkeep: async () => {
      await keep();
      for (const { name } of await jobs.list()) {
        // It only reports, and asks the storage for everything.
        if (name !== 'drift') await jobs.runAgain(name);
      }
    },
    close: () => running.disposeAsync(),
  };
}

/** Our own storage is set at once; another one may take its time, or be out of reach. */
async function watchBuckets(
  app: FastifyInstance,
  settings: ServerSettings,
  jobs: JobRunner,
): Promise<void> {
  if (settings.storage.kind === 'external' && settings.publicUrl === undefined) {
    app.log.warn('CLOUD_SERVER_PUBLIC_URL is not set: the storage cannot notify of changes');
  }
  const setting = jobs.runAgain('notifications', false).catch(() => undefined);
  if (settings.storage.kind === 'embedded') await setting;
}
