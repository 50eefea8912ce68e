import { findRclone } from '../rclone/find.ts';
import type { Host } from '../platform/host.ts';
import { foldersOf } from '../session/folders.ts';
import { openSession } from '../session/open.ts';
import type { SessionFlags } from '../session/settings.ts';
import { checkBothSides, type CheckResult } from './check.ts';
import type { BisyncOptions } from './options.ts';
import type { BisyncResult } from './result.ts';
import type { BisyncEvent } from './run-context.ts';
import { runBisync } from './run.ts';
import { trashBoundsFrom } from './trash-bounds.ts';

export interface SyncRequest extends Pick<
  BisyncOptions,
  'profile' | 'conflicts' | 'dryRun' | 'resync' | 'approve' | 'waitMs' | 'signal'
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
  const { session, path, ...options } = request;
  const target = await openTarget({ session, path, signal: request.signal }, host);
  const trash = trashBoundsFrom(host.env);
  return runBisync({ ...options, ...target, trash }, host, onEvent);
}

/** Compares the folder of a context with its bucket. @throws as `checkBothSides` */
export async function checkContext(
  request: Pick<SyncRequest, 'session' | 'path' | 'signal'>,
  host: Host,
): Promise<CheckResult> {
  const target = await openTarget(request, host);
  return checkBothSides({ ...target, signal: request.signal }, host);
}

async function openTarget(
  request: Pick<SyncRequest, 'session' | 'path' | 'signal'>,
  host: Host,
): Promise<Pick<BisyncOptions, 'access' | 'rclone' | 'localRoot'>> {
  const { signal } = request;
  const session = await openSession(host, request.session, signal === undefined ? {} : { signal });
  const [access, rclone, folders] = await Promise.all([
    session.bucketAccess(),
    findRclone({}, host),
    foldersOf(host, session.context),
  ]);
  return { access, rclone, localRoot: request.path ?? folders.sync };
}
