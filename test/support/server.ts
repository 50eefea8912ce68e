import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createApiClient } from '../../src/api/client.ts';
import type { ObjectStore } from '../../src/object-store/index.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { resolvePlaces } from '../../src/platform/places.ts';
import { startServer, type RunningServer } from '../../src/server/listen.ts';
import { readSettings } from '../../src/server/settings.ts';
import type { StorageProvider } from '../../src/server/storage/provider.ts';
import { databaseEnvironment, dropDatabaseOf } from './test-databases.ts';

export interface TestServerOptions {
  /** Slugs of tenants to add, each with an API key. */
  tenants?: readonly string[];
  /** Keep or reuse this data folder instead of a temporary one that goes with `close`. */
  dataFolder?: string;
  /** `CLOUD_SERVER_…` variables. */
  env?: NodeJS.ProcessEnv;
  clock?: Clock;
  wrapStorage?: (storage: StorageProvider) => StorageProvider;
}

export interface TestServer extends AsyncDisposable {
  url: string;
  adminToken: string;
  dataFolder: string;
  objectStore: ObjectStore;
  server: RunningServer;
  /** What it has logged so far: JSON lines. */
  logs(): string;
  /** The API key of one of `tenants`; it can be exchanged or sent as Bearer. */
  apiKeyOf(slug: string): string;
  close(): Promise<void>;
}

/** A whole server in this process, on free ports of loopback, with the real object store. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'cloud-server-')));
  const settings = await readSettings(
    {
      env: { ...(await databaseEnvironment(dataFolder)), ...options.env },
      places: resolvePlaces({ CLOUD_HOME: dataFolder }),
    },
    { port: 0, dataFolder },
  );
  const lines: string[] = [];
  const logStream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const { clock, wrapStorage } = options;
  const server = await startServer({
    settings,
    version: '0.0.0-test',
    logStream,
    ...(clock === undefined ? {} : { clock }),
    ...(wrapStorage === undefined ? {} : { wrapStorage }),
  });
  const adminToken =
    server.adminTokenFile === null
      ? (options.env?.['CLOUD_SERVER_TOKEN'] ?? '')
      : (await readFile(server.adminTokenFile, 'utf8')).trim();
  const close = async (): Promise<void> => {
    await server.close();
    if (options.dataFolder !== undefined) return;
    await dropDatabaseOf(dataFolder);
    await rm(dataFolder, { recursive: true, force: true });
  };
  const keys = new Map<string, string>();
  const admin = createApiClient({ server: server.url, token: () => Promise.resolve(adminToken) });
  try {
    for (const slug of options.tenants ?? []) {
      const tenant = await admin.createTenant({ slug, name: slug, issue_api_key: true });
      keys.set(slug, tenant.api_key!);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: server.url,
    adminToken,
    dataFolder,
    objectStore: server.objectStore!,
    server,
    logs: () => lines.join(''),
    apiKeyOf: (slug) => {
      const key = keys.get(slug);
      if (key === undefined) throw new Error(`no tenant ${slug} was asked for`);
      return key;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
