import type { ErrorReport } from '../../output/errors.ts';
import type { Host } from '../../platform/host.ts';
import { syncSettings } from '../../session/sync-settings.ts';
import { openPair } from '../pair.ts';
import { DEFAULT_PROFILE } from '../profiles.ts';
import { openSyncing, type SyncRequest } from '../sync-context.ts';
import { trashBoundsFrom } from '../trash-bounds.ts';
import { serveWatcher } from './serve-watch.ts';
import { startWatch } from './start-watch.ts';
import type { WatchEnd, Watcher } from './watcher.ts';

export interface WatchRequest extends Pick<
  SyncRequest,
  'session' | 'path' | 'profile' | 'conflicts' | 'gitignore'
> {
  /** How often both sides are compared while the server tells of no changes; milliseconds. */
  intervalMs: number;
  /** As people know it, for whoever finds this process at work. */
  command: string;
  /** Aborted: it finishes the file in hand and ends. */
  signal: AbortSignal;
}

export interface WatchAround {
  reportOf: (error: unknown) => ErrorReport;
  /** @returns called when it has ended */
  show: (watcher: Watcher) => () => void;
}

/**
 * Keeps the folder of a context and its bucket in sync until it is stopped. Other processes can
 * speak to it meanwhile (ask-watcher.ts).
 *
 * @throws AbortError those of `syncContext`, and `already-watched` (11)
 */
export async function watchContext(
  request: WatchRequest,
  host: Host,
  { reportOf, show }: WatchAround,
): Promise<WatchEnd> {
  const { session: flags, path, signal, command, intervalMs, ...chosen } = request;
  const [{ session, target }, settings] = await Promise.all([
    openSyncing({ session: flags, path }, host),
    syncSettings(host),
  ]);
  const pair = await openPair(host, target.access, target.localRoot);
  const watcher = await startWatch(
    {
      ...target,
      ...{ intervalMs, command, trash: trashBoundsFrom(host.env) },
      profile: chosen.profile ?? settings.profile ?? DEFAULT_PROFILE,
      conflicts: chosen.conflicts ?? settings.conflicts,
      gitignore: chosen.gitignore ?? settings.gitignore,
      followEvents: (until, lastEventId) => session.followEvents(until, lastEventId),
      storedAccess: () => session.bucketAccess(),
      announce: (notice) => session.api.announceSync(notice),
    },
    host,
  );
  const stop = (): void => watcher.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const hide = show(watcher);
  try {
    const served = await serveWatcher(watcher, {
      ...{ pairFolder: pair.folder, command, clock: host.clock, reportOf },
    });
    return await watcher.done.finally(() => served.close());
  } finally {
    watcher.stopNow();
    hide();
    signal.removeEventListener('abort', stop);
  }
}
