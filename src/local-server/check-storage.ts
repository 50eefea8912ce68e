import type { Host } from '../platform/host.ts';
import { checkStorage, type StorageCheck } from '../server/storage/check/check-storage.ts';
import { openCheck } from '../server/storage/check/open-check.ts';
import { readSettings } from '../server/settings.ts';
import { asAbortError } from './start-error.ts';

export type { StorageCheck } from '../server/storage/check/check-storage.ts';

export interface CheckedStorage {
  /** Null: the storage in this program, of which a new one was tried. */
  s3_endpoint: string | null;
  ok: boolean;
  checks: StorageCheck[];
}

/**
 * Proves that the storage of the settings does what the server relies on.
 *
 * @throws AbortError for settings that are not right
 */
export async function checkConfiguredStorage(
  host: Host,
  signal: AbortSignal,
  report: (check: StorageCheck) => void,
): Promise<CheckedStorage> {
  try {
    const settings = await readSettings(host);
    const opened = await openCheck(settings, host.clock);
    try {
      const { bucketPrefix } = settings;
      const checks = await checkStorage({ ...opened, bucketPrefix, signal, report });
      const ok = checks.every(({ status }) => status !== 'failed');
      return { s3_endpoint: opened.s3Endpoint, ok, checks };
    } finally {
      await opened.close();
    }
  } catch (error) {
    throw asAbortError(error);
  }
}
