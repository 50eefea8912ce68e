import { resolve } from 'node:path';
import { findRclone } from '../rclone/find.ts';
import { readConfiguration } from '../session/configuration.ts';
import type { Host } from '../platform/host.ts';
import { inHome } from '../platform/places.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { ensureBucketKey } from '../session/bucket-key.ts';
import { foldersOf } from '../session/folders.ts';
import { notSetUp, openSession, type Session } from '../session/open.ts';
import { contextFor, type SessionFlags } from '../session/settings.ts';
import { syncSettings } from '../session/sync-settings.ts';
import { checkBothSides, type CheckResult } from './check.ts';
import type { BisyncOptions } from './options.ts';
import type { BisyncResult } from './result.ts';
import type { BisyncEvent } from './run-context.ts';
import { DEFAULT_PROFILE, type ProfileName } from './profiles.ts';
import { runBisync } from './run.ts';
import { trashBoundsFrom } from './trash-bounds.ts';

export interface SyncRequest extends Pick<
  BisyncOptions,
  'conflicts' | 'gitignore' | 'full' | 'dryRun' | 'resync' | 'approve' | 'waitMs' | 'signal'
> {
  session: SessionFlags;
  /** Default: what the configuration says, else `balanced`. */
  profile?: ProfileName | undefined;
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
  const { session, path, profile, conflicts, gitignore, ...options } = request;
  const [{ session: opened, target }, settings] = await Promise.all([
    openSyncing({ session, path, signal: request.signal }, host),
    syncSettings(host),
  ]);
  const takeSnapshot = async (name: string): Promise<string> =>
    (await opened.api.createSnapshot({ name })).version;
  const chosen = {
    profile: profile ?? settings.profile ?? DEFAULT_PROFILE,
    conflicts: conflicts ?? settings.conflicts,
    gitignore: gitignore ?? settings.gitignore,
  };
  const trash = trashBoundsFrom(host.env);
  return runBisync({ ...options, ...chosen, ...target, trash, takeSnapshot }, host, onEvent);
}

/** Compares the folder of a context with its bucket. @throws as `checkBothSides` */
export async function checkContext(
  request: Pick<SyncRequest, 'session' | 'path' | 'gitignore' | 'signal'>,
  host: Host,
): Promise<CheckResult> {
  const { signal } = request;
  const target = await openTarget(request, host);
  const gitignore = request.gitignore ?? (await syncSettings(host)).gitignore;
  return checkBothSides({ ...target, gitignore, signal }, host);
}

type Target = Pick<BisyncOptions, 'access' | 'renewAccess' | 'rclone' | 'localRoot'>;

/** The folder, the bucket and its keys, and rclone. Offline. */
export async function openTarget(
  request: Pick<SyncRequest, 'session' | 'path' | 'signal'>,
  host: Host,
): Promise<Target> {
  return (await openSyncing(request, host)).target;
}

/** The same, for those who speak with the server too. */
export async function openSyncing(
  request: Pick<SyncRequest, 'session' | 'path' | 'signal'>,
  host: Host,
): Promise<{ session: Session; target: Target }> {
  const { signal } = request;
  const session = await openSession(host, request.session, signal === undefined ? {} : { signal });
  const [access, rclone, folders] = await Promise.all([
    session.bucketAccess(),
    findRclone({}, host),
    foldersOf(host, session.context),
  ]);
  const renewAccess = async (): Promise<BucketAccess> =>
    (await ensureBucketKey(session, host)).access;
  const localRoot = inHome(request.path, host.places) ?? folders.sync;
  return { session, target: { access, renewAccess, rclone, localRoot } };
}

/**
 * The synced folder of a context, for what needs neither keys nor rclone, and whether `.gitignore`
 * files count in it.
 *
 * @throws AbortError `not-set-up` (10)
 */
export async function openFolder(
  request: Pick<SyncRequest, 'session' | 'path' | 'gitignore'>,
  host: Host,
): Promise<{ root: string; gitignore: boolean }> {
  const gitignore = request.gitignore ?? (await syncSettings(host)).gitignore ?? false;
  const path = inHome(request.path, host.places);
  if (path !== undefined) return { root: resolve(path), gitignore };
  const context = contextFor(await readConfiguration(host), request.session);
  if (context === undefined) throw notSetUp();
  return { root: (await foldersOf(host, context)).sync, gitignore };
}
