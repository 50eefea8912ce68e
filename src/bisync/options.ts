import type { Rclone } from '../rclone/rclone.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import type { TrashBounds } from './trash-bounds.ts';
import type { ConflictStrategy, ProfileName } from './profiles.ts';

export interface BisyncOptions {
  access: BucketAccess;
  /** Asks the server for another key when the storage refuses this one; at most once a run. */
  renewAccess?: (() => Promise<BucketAccess>) | undefined;
  rclone: Rclone;
  /** The folder to sync; made when this pair is new. */
  localRoot: string;
  profile: ProfileName;
  /** Instead of the profile's. */
  conflicts?: ConflictStrategy | undefined;
  /** `.gitignore` files decide as well what is synced, not only `.cloudignore` files. */
  gitignore?: boolean | undefined;
  /** List both sides by rclone and read every file, whatever is known of them. */
  full?: boolean | undefined;
  /** Only plan, and store the plan. */
  dryRun?: boolean;
  /** Forget the baseline: unite both sides, delete nothing. */
  resync?: boolean;
  /** Id of a stored plan: do exactly that, guards included in the approval. */
  approve?: string | undefined;
  /** Gives the bucket's present state a name, before a run that a person had to allow; returns it. */
  takeSnapshot?: ((name: string) => Promise<string>) | undefined;
  /** How much of what is replaced and deleted here is kept. */
  trash?: TrashBounds | undefined;
  /** How long to wait for another process that is at work on this folder, in milliseconds. */
  waitMs?: number | undefined;
  /** What the lock names to others. */
  command?: string;
  signal?: AbortSignal | undefined;
  /** Ends the run too, but what is on its way arrives first. */
  stopping?: AbortSignal | undefined;
}

/** Aborted by either way to stop a run. */
export function stopSignal({
  signal,
  stopping,
}: Pick<BisyncOptions, 'signal' | 'stopping'>): AbortSignal | undefined {
  if (signal === undefined || stopping === undefined) return signal ?? stopping;
  return AbortSignal.any([signal, stopping]);
}
