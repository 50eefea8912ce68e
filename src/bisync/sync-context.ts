import { findRclone } from '../rclone/find.ts';
import type { Host } from '../platform/host.ts';
import { foldersOf } from '../session/folders.ts';
import { openSession } from '../session/open.ts';
import type { SessionFlags } from '../session/settings.ts';
import type { BisyncOptions } from './options.ts';
import type { BisyncResult } from './result.ts';
import type { BisyncEvent } from './run-context.ts';
import { runBisync } from './run.ts';

export interface SyncRequest extends Pick<
  BisyncOptions,
  'profile' | 'conflicts' | 'dryRun' | 'resync' | 'approve' | 'signal'
> {
  session: SessionFlags;
  /** Another folder than the one that setup arranged. */
  path?: string | undefined;
}

/**
 * Syncs the folder of a context with its bucket. The keys are those that setup stored, so the server
 * is not needed.
 *
 * @throws AbortError `not-set-up` (10), `rclone-missing` (12), and those of `runBisync`
 */
export async function syncContext(
  request: SyncRequest,
  host: Host,
  onEvent: (event: BisyncEvent) => void,
): Promise<BisyncResult> {
  const { session: flags, path, ...options } = request;
  const { signal } = request;
  const session = await openSession(host, flags, signal === undefined ? {} : { signal });
  const [access, rclone, folders] = await Promise.all([
    session.bucketAccess(),
    findRclone({}, host),
    foldersOf(host, session.context),
  ]);
  const localRoot = path ?? folders.sync;
  return runBisync({ ...options, access, rclone, localRoot }, host, onEvent);
}
