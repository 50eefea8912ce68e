import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedStorageKey } from '../../src/server/domain/master-key.ts';
import { TigrisStorage } from '../../src/server/storage/tigris-storage.ts';
import type { TestServer } from './server.ts';

/** The storage of a server, asked beside it with the keys of its administrator. */
export async function storageInside(server: TestServer): Promise<TigrisStorage> {
  const { storageUrl: endpoint } = server.server;
  return new TigrisStorage({
    ...{ s3Endpoint: endpoint, iamEndpoint: endpoint, region: 'auto', bucketRegions: undefined },
    ...(await storageAdminOf(server)),
  });
}

/** The keys of the administrator of a server's storage. */
export async function storageAdminOf(
  server: TestServer,
): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const text = await readFile(join(server.dataFolder, 'server.key'), 'utf8');
  return embeddedStorageKey(Buffer.from(text.trim(), 'base64url'));
}
