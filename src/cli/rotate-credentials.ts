import {
  rotateBucketKey,
  type RotatedCredential,
  type RotateStep,
} from '../access/rotate-credential.ts';
import { switchWatcherKeys } from '../bisync/watch/switch-keys.ts';
import { switchMountKeys } from '../mount/switch-keys.ts';
import type { Host } from '../platform/host.ts';
import { readConfiguration } from '../session/configuration.ts';
import { openSession, storedBucketKey } from '../session/open.ts';
import { openSecretStore } from '../session/secret-store.ts';
import type { SessionFlags } from '../session/settings.ts';

interface RotateFlags extends SessionFlags {
  all: boolean;
  /** Seconds. */
  wait: number;
}

interface RotateRun {
  host: Host;
  signal: AbortSignal;
  report: (step: RotateStep) => void;
}

/** Rotates the key of the context that the flags name, or with `all` of each that has one. */
export async function rotateContexts(
  flags: RotateFlags,
  run: RotateRun,
): Promise<RotatedCredential[]> {
  const { host, signal, report } = run;
  const secrets = openSecretStore(host);
  const rotate = async (which: SessionFlags): Promise<RotatedCredential> =>
    rotateBucketKey(await openSession(host, which, { secrets, signal }), {
      ...{ host, signal, report },
      switchUsers: async (context, { id, bucket_name: bucket }) => {
        const wanted = { context, bucket, credentialId: id, waitMs: flags.wait * 1000 };
        const [mounts, watched] = await Promise.all([
          switchMountKeys(host, wanted, signal),
          switchWatcherKeys(host, wanted, signal),
        ]);
        return [...mounts.map(({ path }) => path), ...watched];
      },
    });
  if (!flags.all) return [await rotate({ context: flags.context, server: flags.server })];
  const results: RotatedCredential[] = [];
  for (const context of Object.keys((await readConfiguration(host)).contexts)) {
    if ((await storedBucketKey(secrets, context)) === undefined) continue;
    results.push(await rotate({ context }));
  }
  return results;
}
