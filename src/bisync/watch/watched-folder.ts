import { realpath } from 'node:fs/promises';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import type { Host } from '../../platform/host.ts';
import { pairFolder, readPairs } from '../pair.ts';
import { openFolder, type SyncRequest } from '../sync-context.ts';
import { pauseWatcher, resumeWatcher } from './ask-watcher.ts';
import { endPause, writePause } from './pause-file.ts';

export type FolderRequest = Pick<SyncRequest, 'session' | 'path'>;

/** A folder that has been synced before, and where its state is kept. */
export interface SyncedFolder {
  root: string;
  pairFolder: string;
}

/** @returns undefined for a folder that has never been synced; offline */
export async function findSyncedFolder(
  request: FolderRequest,
  host: Host,
): Promise<{ root: string; pairFolder: string | undefined }> {
  const { root } = await openFolder(request, host);
  // Pairs are known by their folder without symlinks.
  const real = await realpath(root).catch(() => root);
  const pair = (await readPairs(host)).find((each) => each.root === real);
  return { root: real, pairFolder: pair === undefined ? undefined : pairFolder(host, pair.id) };
}

async function syncedFolder(request: FolderRequest, host: Host): Promise<SyncedFolder> {
  const { root, pairFolder: folder } = await findSyncedFolder(request, host);
  if (folder !== undefined) return { root, pairFolder: folder };
  throw new AbortError('never-synced', `${root} has not been synced yet.`, {
    exitCode: ExitCode.notSetUp,
    suggestions: ['cloud bisync'],
    details: { root },
  });
}

export interface PauseResult {
  root: string;
  paused: boolean;
  /** RFC 3339; null without an end, and where nothing is paused. */
  until: string | null;
  /** Whether a watcher runs that heard of it; one that is started later keeps to it too. */
  watching: boolean;
}

/**
 * Pauses the watcher of a folder, this one or one that is started later. Works offline.
 *
 * @param forMs null: until somebody resumes it
 * @throws AbortError `never-synced` (10), `watcher-silent` (1)
 */
export async function pauseFolder(
  request: FolderRequest,
  forMs: number | null,
  host: Host,
): Promise<PauseResult> {
  const { root, pairFolder: folder } = await syncedFolder(request, host);
  const until = forMs === null ? null : host.clock.now() + forMs;
  const view = await pauseWatcher(folder, until);
  if (view === undefined) await writePause(folder, { until });
  return {
    ...{ root, paused: true, watching: view !== undefined },
    until: until === null ? null : new Date(until).toISOString(),
  };
}

/** The opposite. Resuming what is not paused is fine. @throws as `pauseFolder` */
export async function resumeFolder(request: FolderRequest, host: Host): Promise<PauseResult> {
  const { root, pairFolder: folder } = await syncedFolder(request, host);
  const view = await resumeWatcher(folder);
  if (view === undefined) await endPause(folder, host.clock.now());
  return { root, paused: false, until: null, watching: view !== undefined };
}

/** The record of what syncing did needs only the folder. @throws AbortError `never-synced` (10) */
export async function activityFolder(request: FolderRequest, host: Host): Promise<string> {
  return (await syncedFolder(request, host)).pairFolder;
}
