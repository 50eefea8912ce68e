import { randomBytes } from 'node:crypto';
import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../../platform/host.ts';
import { acquireLock } from '../../platform/lock.ts';
import { WATCH_COMMAND } from '../pair-lock.ts';
import { openPair } from '../pair.ts';
import type { BisyncDeps } from '../run.ts';
import { Announcer } from './announcer.ts';
import { Board } from './board.ts';
import { LocalSide } from './local-side.ts';
import { endPause, readPause, writePause } from './pause-file.ts';
import { hear, type Heard } from './remote-changes.ts';
import type { Watcher, WatchEnd, WatchOptions } from './watcher.ts';
import { Watching } from './watching.ts';
import type { WatchingParts } from './watching-parts.ts';

export interface WatchDeps {
  /** 0 to 1, for the jitter. */
  random: () => number;
  run: Partial<BisyncDeps>;
  /** Instead of the system's `fs.watch`. */
  fsWatch: (path: string) => FSWatcher;
}

/** The first run waits so long for the event stream, so that it need not be done twice. */
const STREAM_WITHIN_MS = 1500;

/**
 * Watches a pair until it is stopped: local events and the server's, single changes by the lane, the
 * rest by runs (docs/watch.md). Resolves as soon as both sides are watched; the first run goes on
 * then, so that nothing between is missed, and whatever an earlier watcher left is made good.
 *
 * @throws AbortError as `openPair`, `filters-unreadable` (78); LockHeldError when another watcher is
 *   at work on this folder
 */
export async function startWatch(
  options: WatchOptions,
  host: Host,
  deps: Partial<WatchDeps> = {},
): Promise<Watcher> {
  const { clock } = host;
  const pair = await openPair(host, options.access, options.localRoot);
  const lock = await acquireLock(join(pair.folder, 'watching'), { command: WATCH_COMMAND, clock });
  const streaming = new AbortController();
  try {
    const board = new Board(() => clock.now());
    const random = deps.random ?? Math.random;
    const origin = `w-${randomBytes(9).toString('base64url')}`;
    const announcer = new Announcer(options.announce, origin, clock);
    const local = localSide({ options, pair, host, board, fsWatch: deps.fsWatch }, () => watching);
    const parts = { options, host, pair, board, local, announcer, random, runDeps: deps.run ?? {} };
    const watching: Watching = new Watching(parts);
    await local.start();
    const pause = await readPause(pair.folder, clock.now());
    if (pause !== undefined) watching.pause(pause.until);
    const follow = followRemote(options, { watching, board, announcer, origin }, streaming.signal);
    const startedAt = clock.now();
    let graceful = true;
    const done = follow.first
      .then(() => watching.run())
      .then((): WatchEnd => {
        return { graceful, changes: board.changes, durationMs: clock.now() - startedAt };
      })
      .finally(async () => {
        streaming.abort();
        local.close();
        await announcer.settled();
        lock.release();
      });
    // Whoever asks for it hears of it; until then it is no unhandled rejection.
    done.catch(() => undefined);
    return {
      view: () => watching.view(),
      onView: (listener) => board.onView(listener),
      onEvent: (listener) => board.onEvent(listener),
      flush: (signal) => watching.flush(signal),
      pause: async (until) => {
        await writePause(pair.folder, { until });
        watching.pause(until);
      },
      resume: async () => {
        await endPause(pair.folder, clock.now());
        watching.resume();
      },
      useStoredKey: () => watching.useStoredKey(),
      done,
      stop: () => watching.stop(),
      stopNow: () => {
        graceful = false;
        watching.stopNow();
      },
    };
  } catch (error) {
    streaming.abort();
    lock.release();
    throw error;
  }
}

function localSide(
  about: Pick<WatchingParts, 'options' | 'pair' | 'host' | 'board'> & {
    fsWatch: WatchDeps['fsWatch'] | undefined;
  },
  watching: () => Watching,
): LocalSide {
  const { options, pair, host, board, fsWatch } = about;
  const { root } = pair;
  return new LocalSide(
    {
      ...{ root, gitignore: options.gitignore === true, fsWatch },
      onHint: (path) => watching().localHint(path),
      onGone: () => watching().gone(),
      onLost: () => watching().compare('lost', 1000),
      onFailure: () => watching().compare('lost', 1000),
      onMode: (mode) => {
        const polling = mode.type === 'polling';
        const notice = polling ? mode.notice : null;
        if (board.shown.localNotice !== notice) {
          const message = notice ?? 'The system tells of changes in the folder again.';
          const cure = polling ? mode.cure : null;
          board.emit({ type: 'notice', about: 'local', message, cure });
        }
        board.show({ local: mode.type, localNotice: notice });
      },
    },
    host,
  );
}

/** Follows the server's events. `first` resolves when it is known whether they come. */
function followRemote(
  { followEvents }: WatchOptions,
  parts: { watching: Watching; board: Board; announcer: Announcer; origin: string },
  signal: AbortSignal,
): { first: Promise<null> } {
  if (followEvents === undefined) return { first: Promise.resolve(null) };
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), STREAM_WITHIN_MS);
  const follow = async (): Promise<void> => {
    for await (const item of followEvents(signal)) {
      const { credentialId } = parts.watching.access;
      for (const heard of hear(item, { origin: parts.origin, credentialId })) act(heard, parts);
      if (item.type !== 'open') resolve(null);
    }
  };
  follow()
    .catch(() => act({ type: 'disconnected', again: false, detail: '' }, parts))
    .finally(() => {
      clearTimeout(timer);
      resolve(null);
    });
  return { first: promise };
}

function act(
  heard: Heard,
  { watching, board, announcer }: { watching: Watching; board: Board; announcer: Announcer },
): void {
  switch (heard.type) {
    case 'object':
      if (heard.source === 'storage') announcer.heardStorage();
      {
        watching.remoteHint(heard.key, heard.event);
        return;
      }
    case 'compare': {
      watching.compare(heard.reason);
      return;
    }
    case 'renew':
      void watching.renew();
      return;
    case 'connected':
      board.show({ remote: 'events' });
      {
        watching.eventsCome(true);
        return;
      }
    case 'disconnected':
      board.show({ remote: heard.again ? 'reconnecting' : 'interval' });
      {
        watching.eventsCome(false);
        return;
      }
  }
}
