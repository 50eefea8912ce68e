import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedStorageKey } from '../../src/server/domain/master-key.ts';
import { TigrisStorage } from '../../src/server/storage/tigris-storage.ts';
import type { TestServer } from './server.ts';

/** The storage of a server, asked beside it with the keys of its administrator. */
export async function storageInside(server: TestServer): Promise<TigrisStorage> {
  const text = await readFile(join(server.dataFolder, 'server.key'), 'utf8');
  const { storageUrl: endpoint } = server.server;
  return new TigrisStorage({
    ...{ s3Endpoint: endpoint, iamEndpoint: endpoint, region: 'auto', bucketRegions: undefined },
    ...embeddedStorageKey(Buffer.from(text.trim(), 'base64url')),
  });
}
