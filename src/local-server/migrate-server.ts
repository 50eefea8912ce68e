import type { Host } from '../platform/host.ts';
import { migrateFolder, type MigrationResult } from '../server/db/migrate-folder.ts';
import { readSettings, type SettingOverrides } from '../server/settings.ts';
import { asAbortError } from './start-error.ts';

/**
 * Brings the database of a stopped server to this version's schema.
 *
 * @throws AbortError; LockHeldError while the server runs
 */
export async function migrateServer(
  host: Host,
  overrides: SettingOverrides,
): Promise<MigrationResult> {
  try {
    return await migrateFolder(await readSettings(host, overrides), host.clock);
  } catch (error) {
    throw asAbortError(error);
  }
}
