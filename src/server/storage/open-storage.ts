import { readTextIfExists, writeFileAtomic } from '../../platform/atomic-file.ts';
import { startObjectStore, StoreStartError, type ObjectStore } from '../../object-store/index.ts';
import type { Clock } from '../../platform/clock.ts';
import { embeddedStorageKey } from '../domain/master-key.ts';
import { ServerStartError } from '../errors.ts';
import { filesIn } from '../data-folder.ts';
import type { EmbeddedStorage, ServerSettings } from '../settings.ts';
import type { StorageProvider } from './provider.ts';
import { TigrisStorage } from './tigris-storage.ts';

export interface StorageHandle {
  provider: StorageProvider;
  /** Undefined when the storage is elsewhere. */
  objectStore: ObjectStore | undefined;
  close(): Promise<void>;
}

const REGION = 'auto';

/** The provider of the settings; for the embedded shape also starts the object store. */
export async function openStorage(
  settings: ServerSettings,
  masterKey: Buffer,
  clock: Clock,
): Promise<StorageHandle> {
  const { storage, bucketRegions } = settings;
  if (storage.kind === 'external') {
    return {
      provider: new TigrisStorage({ ...storage, bucketRegions }),
      objectStore: undefined,
      close: () => Promise.resolve(),
    };
  }
  const key = embeddedStorageKey(masterKey);
  const objectStore = await startEmbedded(settings, storage, key, clock);
  return {
    provider: new TigrisStorage({
      s3Endpoint: objectStore.url,
      iamEndpoint: objectStore.url,
      region: REGION,
      ...key,
      bucketRegions,
    }),
    objectStore,
    close: () => objectStore.close(),
  };
}

/**
 * The keys we issue hold the storage's address, so its port stays what it was: the one asked for,
 * else the one of the last start; only the first start may take any that is free.
 */
async function startEmbedded(
  settings: ServerSettings,
  storage: EmbeddedStorage,
  admin: { accessKeyId: string; secretAccessKey: string },
  clock: Clock,
): Promise<ObjectStore> {
  const files = filesIn(settings.dataFolder);
  const known = Number((await readTextIfExists(files.storagePort)) ?? Number.NaN);
  const fixed = storage.port ?? (Number.isInteger(known) ? known : undefined);
  const start = (port: number) =>
    startObjectStore({ folder: files.storage, port, admin, clock, faults: storage.faults });
  let store: ObjectStore;
  try {
    if (fixed === undefined) store = await startAnywhere(settings.port, start);
    else store = await start(fixed);
  } catch (error) {
    throw toStartError(error, files.storage);
  }
  const { port } = new URL(store.url);
  if (Number(port) !== known) await writeFileAtomic(files.storagePort, `${port}\n`);
  return store;
}

async function startAnywhere(
  serverPort: number,
  start: (port: number) => Promise<ObjectStore>,
): Promise<ObjectStore> {
  // Next to the server's, where a person looks for it.
  const next = serverPort === 0 || serverPort === 65_535 ? 0 : serverPort + 1;
  try {
    return await start(next);
  } catch (error) {
    if (next === 0 || !(error instanceof StoreStartError) || error.kind !== 'port-taken') {
      throw error;
    }
    return start(0);
  }
}

function toStartError(error: unknown, folder: string): unknown {
  if (!(error instanceof StoreStartError)) return error;
  if (error.kind === 'port-taken') {
    return new ServerStartError('port-taken', error.message, {
      suggestions: [
        'The keys in use hold this address, so it should stay: stop what listens there.',
        'To move the storage anyway: --storage-port 0, then set up the clients again.',
      ],
      cause: error,
    });
  }
  return new ServerStartError('storage-unusable', `${error.message} (${folder})`, { cause: error });
}
