import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { chooseAdapter } from '../mount/adapters.ts';
import { probeMachine } from '../mount/machine.ts';
import { findRclone } from '../rclone/find.ts';
import type { Rclone } from '../rclone/rclone.ts';
import type { SetupMode } from '../session/configuration.ts';

/** The wanted mode, or by default a mount where this machine can mount, else bisync. */
export async function chooseMode(
  wanted: SetupMode | undefined,
  host: Host,
  rclone: Rclone,
): Promise<{ mode: SetupMode; cannotMount: string | undefined }> {
  if (wanted === 'bisync') return { mode: wanted, cannotMount: undefined };
  const refusal = await mountRefusal(host, rclone.capabilities);
  if (refusal === undefined) return { mode: wanted ?? 'mount', cannotMount: undefined };
  // Asked for and impossible is an error; not asked for, bisync does the job.
  if (wanted !== undefined) throw refusal;
  return { mode: 'bisync', cannotMount: refusal.message };
}

/**
 * Why this machine cannot mount, as far as can be said before rclone is there; undefined when it
 * can. For the question which mode is wanted.
 */
export async function whyNoMount(
  host: Host,
  rclonePath: string | undefined,
): Promise<string | undefined> {
  const rclone = await findRclone({ path: rclonePath }, host).catch(() => undefined);
  const capabilities = rclone?.capabilities ?? { mount: true, nfsmount: true };
  return (await mountRefusal(host, capabilities))?.message;
}

async function mountRefusal(
  host: Host,
  capabilities: Pick<Rclone['capabilities'], 'mount' | 'nfsmount'>,
): Promise<AbortError | undefined> {
  try {
    chooseAdapter(await probeMachine(host, capabilities));
    return undefined;
  } catch (error) {
    if (error instanceof AbortError) return error;
    throw error;
  }
}
