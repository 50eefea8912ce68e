import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { chooseAdapter } from '../mount/adapters.ts';
import { probeMachine } from '../mount/machine.ts';
import type { Rclone } from '../rclone/rclone.ts';

export const SETUP_MODES = ['mount', 'bisync', 'both'] as const;
export type SetupMode = (typeof SETUP_MODES)[number];

/** The wanted mode, or by default a mount where this machine can mount, else bisync. */
export async function chooseMode(
  wanted: SetupMode | undefined,
  host: Host,
  rclone: Rclone,
): Promise<SetupMode> {
  if (wanted === 'bisync') return wanted;
  try {
    chooseAdapter(await probeMachine(host, rclone.capabilities));
    return wanted ?? 'mount';
  } catch (error) {
    // Asked for and impossible is an error; not asked for, bisync does the job.
    if (wanted === undefined && error instanceof AbortError) return 'bisync';
    throw error;
  }
}
