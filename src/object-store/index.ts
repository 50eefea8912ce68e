import { createServer, type Server } from 'node:http';
import { mkdirSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ensurePrivateFolder, isErrno } from '../platform/atomic-file.ts';
import { systemClock, type Clock } from '../platform/clock.ts';
import { LockHeldError } from '../platform/lock-held-error.ts';
import { acquireLock, type Lock } from '../platform/lock.ts';
import { AccessKeys } from './access-keys.ts';
import { answer } from './answer.ts';
import { Bodies } from './bodies.ts';
import { BodyFiles } from './body-files.ts';
import { Buckets } from './buckets.ts';
import { Database } from './database.ts';
import { StoreStartError } from './errors.ts';
import { Faults, type FaultOptions } from './faults.ts';
import { Iam } from './iam.ts';
import { Notifier } from './notifications.ts';
import { Objects } from './objects.ts';
import { RecentChanges } from './recent-changes.ts';
import { RequestLog } from './request-log.ts';
import { Stamps } from './stamps.ts';
import type { Store } from './store.ts';
import { Uploads } from './uploads.ts';

export { StoreStartError } from './errors.ts';
export {
  FaultFlagError,
  parseFaultFlags,
  type FaultFlags,
  type FaultOptions,
  type Faults,
} from './faults.ts';
export type { RequestEntry, RequestLog } from './request-log.ts';

export interface ObjectStoreOptions {
  /** Where everything is kept; created with mode 0700. One process at a time. */
  folder: string;
  /** Address to listen on. Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free port, see `url`. */
  port?: number;
  /** The key with full access, to S3 and to IAM. */
  admin: { accessKeyId: string; secretAccessKey: string };
  /** Domains under which `bucket.domain` addresses a bucket, besides `localhost`. */
  domains?: readonly string[];
  clock?: Clock;
  faults?: FaultOptions;
}

export interface ObjectStore {
  /** `http://host:port`: S3 and IAM both answer here. */
  readonly url: string;
  readonly faults: Faults;
  readonly requests: RequestLog;
  /** Waits, two seconds at most, until webhooks have what happened so far. */
  delivered(): Promise<void>;
  /** How many notifications were given up, those of a stop included once `close` is over. */
  readonly undelivered: number;
  /** Ends what is under way, then releases port and folder. Safe to call twice. */
  close(): Promise<void>;
}

const CLOSE_GRACE_MS = 5000;
const DAY_US = 86_400_000_000;
const HOUR_MS = 3_600_000;

/**
 * Starts a Tigris-compatible object store on `folder`. What a crash left unfinished is cleaned up
 * first.
 *
 * @throws StoreStartError port taken, address not available, folder not writable or in use
 */
export async function startObjectStore(options: ObjectStoreOptions): Promise<ObjectStore> {
  const clock = options.clock ?? systemClock;
  const lock = await lockFolder(options.folder);
  let database: Database | undefined;
  try {
    const faults = new Faults(clock, options.faults);
    const opened = (database = openDatabase(options.folder, faults));
    const store = assemble(options, opened, clock, faults);
    store.files.recover();
    await housekeep(store);
    const requests = new RequestLog();
    const domains = ['localhost', ...(options.domains ?? [])];
    const server = await listen(options, (message, response) => {
      void answer({ store, requests, domains }, message, response);
    });
    return running(store, requests, server, lock);
  } catch (error) {
    database?.close();
    lock.release();
    throw error;
  }
}

async function lockFolder(folder: string): Promise<Lock> {
  try {
    await ensurePrivateFolder(folder);
    await access(folder, constants.W_OK | constants.X_OK);
    return await acquireLock(join(folder, 'lock'), { command: 'object store' });
  } catch (error) {
    if (error instanceof LockHeldError) {
      const message = `the storage folder ${folder} is in use: ${error.message}`;
      throw new StoreStartError('folder-in-use', message, error);
    }
    throw notWritable(folder, error);
  }
}

function notWritable(folder: string, error: unknown): StoreStartError {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `the storage folder ${folder} cannot be used: ${reason}`;
  return new StoreStartError('folder-not-writable', message, error);
}

function openDatabase(folder: string, faults: Faults): Database {
  try {
    mkdirSync(join(folder, 'bodies'), { recursive: true, mode: 0o700 });
    return new Database(join(folder, 'index.sqlite'), () => faults.checkDisk());
  } catch (error) {
    throw notWritable(folder, error);
  }
}

function assemble(
  options: ObjectStoreOptions,
  database: Database,
  clock: Clock,
  faults: Faults,
): Store {
  const files = new BodyFiles(
    join(options.folder, 'bodies'),
    (file) => database.get('SELECT 1 FROM files WHERE id = ?', file) !== undefined,
    () => faults.checkDisk(),
  );
  const bodies = new Bodies(database, files);
  const buckets = new Buckets(database);
  const keys = new AccessKeys(database, options.admin);
  return {
    database,
    bodies,
    files,
    buckets,
    keys,
    clock,
    faults,
    objects: new Objects(database, bodies, new RecentChanges(clock, faults)),
    uploads: new Uploads(database, bodies),
    iam: new Iam({ database, keys, clock }),
    stamps: new Stamps(clock, database.lastStamp()),
    notifier: new Notifier({
      clock,
      configurationOf: (name) => buckets.find(name)?.notifications,
    }),
  };
}

async function listen(
  options: ObjectStoreOptions,
  handler: Parameters<typeof createServer>[1],
): Promise<Server> {
  const host = options.host ?? '127.0.0.1';
  const port = options.port ?? 0;
  // No time-out for a whole request: a large upload over a slow line is not an attack here.
  const server = createServer({ keepAliveTimeout: 75_000, requestTimeout: 0 }, handler);
  // Whether the body is wanted is decided by whoever reads it.
  if (handler !== undefined) server.on('checkContinue', handler);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(startError(error, host, port)));
    server.listen(port, host, resolve);
  });
  return server;
}

function startError(error: Error, host: string, port: number): Error {
  if (isErrno(error, 'EADDRINUSE')) {
    return new StoreStartError('port-taken', `port ${port} on ${host} is already in use`, error);
  }
  if (isErrno(error, 'EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND')) {
    const message = `cannot listen on ${host}:${port}: ${error.message}`;
    return new StoreStartError('address-not-available', message, error);
  }
  return error;
}

/** Ends what is over: remembered completions after a day, soft-deleted objects at their time. */
async function housekeep(store: Store): Promise<void> {
  const now = store.clock.now() * 1000;
  await store.database.write(() => {
    store.uploads.forgetCompleted(now - DAY_US);
    store.objects.purgeExpired(now);
  });
}

function running(store: Store, requests: RequestLog, server: Server, lock: Lock): ObjectStore {
  const { address, port, family } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const hourly = setInterval(() => void housekeep(store).catch(() => undefined), HOUR_MS).unref();
  const close = async (): Promise<void> => {
    clearInterval(hourly);
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
    await closed;
    clearTimeout(grace);
    await store.notifier.stop();
    await store.files.settled();
    store.database.close();
    lock.release();
  };
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    faults: store.faults,
    requests,
    delivered: () => store.notifier.settle(),
    get undelivered() {
      return store.notifier.undelivered;
    },
    close: () => (closing ??= close()),
  };
}
