import type { Host } from '../platform/host.ts';
import { backupFolder, type BackupResult } from '../server/db/backup.ts';
import { readSettings, type SettingOverrides } from '../server/settings.ts';
import { asAbortError } from './start-error.ts';

/** Copies what a server needs to be started again elsewhere. @throws AbortError */
export async function backupServer(
  host: Host,
  overrides: SettingOverrides,
  target: string,
): Promise<BackupResult> {
  try {
    return await backupFolder(await readSettings(host, overrides), target);
  } catch (error) {
    throw asAbortError(error);
  }
}
