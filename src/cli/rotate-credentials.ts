import {
  rotateBucketKey,
  type RotatedCredential,
  type RotateStep,
} from '../access/rotate-credential.ts';
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
      switchMounts: async (context, credentialId) => {
        const wanted = { context, credentialId, waitMs: flags.wait * 1000 };
        return (await switchMountKeys(host, wanted, signal)).map(({ path }) => path);
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
