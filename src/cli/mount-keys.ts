import type { BucketChanges } from '../mount/freshness.ts';
import type { KeySource } from '../mount/key-renewal.ts';
import type { Host } from '../platform/host.ts';
import { ensureBucketKey } from '../session/bucket-key.ts';
import { openSession } from '../session/open.ts';
import type { SessionFlags } from '../session/settings.ts';

/**
 * What a mount that runs for months asks its session for. The session is opened anew each time: what
 * is stored may have been replaced since.
 */
export function mountSession(
  host: Host,
  flags: SessionFlags,
): { keys: KeySource; changes: BucketChanges } {
  return {
    keys: {
      stored: async () => (await openSession(host, flags)).bucketAccess(),
      renewed: async () => (await ensureBucketKey(await openSession(host, flags), host)).access,
    },
    changes: async function* (signal) {
      yield* (await openSession(host, flags)).followEvents(signal);
    },
  };
}
