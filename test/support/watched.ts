import { createApiClient } from '../../src/api/client.ts';
import { followEvents } from '../../src/api/event-stream.ts';
import type { BisyncEvent } from '../../src/bisync/run-context.ts';
import { startWatch, type WatchDeps } from '../../src/bisync/watch/start-watch.ts';
import type { WatchEvent, Watcher, WatchOptions } from '../../src/bisync/watch/watcher.ts';
import { systemClock, type Clock } from '../../src/platform/clock.ts';
import type { BucketAccess } from '../../src/session/bucket-access.ts';
import { toBucketAccess } from '../../src/session/open.ts';
import { objectsOf, openDevice, type Device } from './devices.ts';
import { startTestServer, type TestServer } from './server.ts';

/** A server with one tenant's bucket, and the devices that watch it. */
export interface WatchedBucket extends AsyncDisposable {
  server: TestServer;
  access: BucketAccess;
  /** Present objects without our own: key → content. */
  objects(): Promise<Map<string, string>>;
  put(key: string, content: string): Promise<void>;
  get(key: string): Promise<string | undefined>;
  remove(key: string): Promise<void>;
  device(name: string, how?: { clock?: Clock; endpoint?: string }): Promise<WatchedDevice>;
}

export interface WatchedDevice extends Device {
  /** Everything that its watchers told. */
  told: (BisyncEvent | WatchEvent)[];
  watch(more?: Partial<WatchOptions>, deps?: Partial<WatchDeps>): Promise<Watcher>;
}

export async function startWatchedBucket(): Promise<WatchedBucket> {
  const server = await startTestServer({ tenants: ['acme'] });
  const key = server.apiKeyOf('acme');
  const token = (): Promise<string> => Promise.resolve(key);
  const api = createApiClient({ server: server.url, token });
  const credential = await api.createMountCredential({});
  const tenant = { id: credential.tenant_id, slug: 'acme' };
  const access = toBucketAccess({ name: 'test', server: server.url, tenant } as never, credential);
  const { objects, put, get, remove } = objectsOf(access);
  const closing: (() => Promise<void>)[] = [];
  return {
    server,
    access,
    ...{ objects, put, get, remove },
    device: async (name, { clock = systemClock, endpoint = access.endpoint } = {}) => {
      const device = await openDevice({ access }, name, { clock, endpoint });
      closing.push(() => device.dispose());
      const told: WatchedDevice['told'] = [];
      return {
        ...device,
        told,
        watch: async (more = {}, deps = {}) => {
          const watcher = await startWatch(
            {
              ...(await device.options()),
              intervalMs: 60_000,
              followEvents: (signal, lastEventId) =>
                followEvents({ server: server.url, token, lastEventId, clock, signal }),
              announce: (notice) => api.announceSync(notice),
              // As a session does: the key that is stored, while the server vouches for it.
              renewAccess: async () => {
                await api.confirmMountCredential(credential.id);
                return access;
              },
              ...more,
            },
            device.host,
            deps,
          );
          watcher.onEvent((event) => told.push(event));
          closing.unshift(async () => {
            watcher.stopNow();
            await watcher.done.catch(() => undefined);
          });
          return watcher;
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const close of closing) await close();
      await server.close();
    },
  };
}
