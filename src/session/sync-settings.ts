import type { Host } from '../platform/host.ts';
import { readConfiguration, type SyncSettings } from './configuration.ts';

/**
 * How folders are synced where neither a flag nor the environment says so: the section `sync` of the
 * configuration.
 */
export async function syncSettings(host: Host): Promise<SyncSettings> {
  return (await readConfiguration(host)).sync ?? {};
}
