import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { isServed, isSupervised, listRecords } from './record.ts';

/**
 * Signing out would take the keys from under a mount that still has uploads to do.
 *
 * @throws AbortError `still-mounted` (13)
 */
export function refuseWhileMounted(host: Host, contextName: string): void {
  const mount = listRecords(host.places).find(
    (record) => record.context === contextName && (isSupervised(record) || isServed(record)),
  );
  if (mount === undefined) return;
  throw new AbortError('still-mounted', `The bucket is still mounted at ${mount.path}.`, {
    exitCode: ExitCode.mount,
    suggestions: [`First: cloud unmount ${mount.path}`],
    details: { path: mount.path, bucket: mount.bucket },
  });
}
