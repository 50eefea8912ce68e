import { join } from 'node:path';

/** What client and server of one machine agree on without asking each other. */
export const DEFAULT_SERVER_PORT = 8787;

/** Where a server that was given no folder keeps its data, under the data folder of `Places`. */
export function defaultServerFolder(places: { data: string }): string {
  return join(places.data, 'server');
}

/** The file of mode 0600 in a server's folder that holds the first owner token. */
export function adminTokenFile(serverFolder: string): string {
  return join(serverFolder, 'admin-token');
}
