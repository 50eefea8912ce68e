import type { StreamItem } from '../../api/event-stream.ts';
import type { SyncNotice } from '../../api/contract/events.ts';
import type { Host } from '../../platform/host.ts';
import type { BucketAccess } from '../../session/bucket-access.ts';
import type { BisyncOptions } from '../options.ts';
import type { ProfileName } from '../profiles.ts';
import type { MovingFile } from '../progress.ts';
import type { BisyncEvent } from '../run-context.ts';
import type { PairState } from '../states.ts';

/** One change that both sides have by now. */
export interface WatchChange {
  path: string;
  direction: 'up' | 'down';
  kind: 'saved' | 'deleted' | 'conflict';
  via: 'lane' | 'run';
  /** When it was acknowledged, milliseconds since the epoch. */
  at: number;
  /** From the first event of it to the acknowledgement; null where no event told of it. */
  lagMs: number | null;
  /** Bytes; null where it is not known. */
  size: number | null;
}

/** A change that waits for its turn. */
export interface WaitingChange {
  path: string;
  direction: 'up' | 'down';
  /** Milliseconds since the epoch. */
  since: number;
}

/** What a watcher is doing, for the screen, the socket and `cloud status`. Plain JSON. */
export interface WatchView {
  state: PairState;
  /** The state in a sentence for people. */
  message: string;
  /** Since when it is in this state, milliseconds since the epoch, as all times here. */
  since: number;
  root: string;
  bucket: string;
  profile: ProfileName;
  local: 'events' | 'polling';
  localNotice: string | null;
  /** `interval`: this server, or the way to it, has no events; both sides are compared instead. */
  remote: 'events' | 'interval' | 'reconnecting';
  lane: 'open' | 'closed';
  laneNotice: string | null;
  /** The first of those that wait; at most 20. */
  queue: WaitingChange[];
  queued: number;
  /** The largest file that is on its way. */
  moving: MovingFile | null;
  /** The newest first, at most 20. */
  recent: WatchChange[];
  openConflicts: number;
  /** While `state` is `paused`, null means: until somebody resumes it. */
  pausedUntil: number | null;
  /** When both sides were last compared in full. */
  lastComparedAt: number | null;
  nextComparisonAt: number | null;
  /** What is not synced, or hinders, with what helps where something does; at most 20. */
  problems: { message: string; cure: string | null }[];
}

/** What a watcher tells beside what its runs tell. */
export type WatchEvent =
  | ({ type: 'change' } & WatchChange)
  | { type: 'state'; state: PairState; message: string }
  /** Something about how it watches has changed: fewer or more events than before. */
  | { type: 'notice'; about: 'local' | 'remote' | 'lane'; message: string; cure: string | null };

export interface FlushResult {
  /** How many changes the wait brought, both ways. */
  changes: number;
  durationMs: number;
  openConflicts: number;
  /** Paths that are not synced, with the reason: for those the promise does not hold. */
  problems: { path: string; message: string }[];
}

/** Whose key a watcher uses, and which. */
export interface KeyInUse {
  /** Of the configuration. */
  context: string;
  credentialId: string;
}

/** How a watcher ended that somebody stopped. */
export interface WatchEnd {
  /** False for `stopNow`: something may have been cut off; the next start goes on there. */
  graceful: boolean;
  changes: number;
  durationMs: number;
}

export interface Watcher {
  view(): WatchView;
  /** Called after the view has changed, at most a few times a second. @returns how to end that */
  onView(listener: () => void): () => void;
  onEvent(listener: (event: BisyncEvent | WatchEvent) => void): () => void;
  /**
   * Resolves when everything that was saved before the call is in the bucket, and everything that was
   * there before the call is here.
   *
   * @throws AbortError `paused`, `offline`, or what ends the watcher
   */
  flush(signal?: AbortSignal): Promise<FlushResult>;
  /** @param untilMs milliseconds since the epoch; null: until `resume` */
  pause(untilMs: number | null): Promise<void>;
  resume(): Promise<void>;
  /** Takes the key that is stored now. Resolves when nothing that it does uses another any more. */
  useStoredKey(): Promise<KeyInUse>;
  /** Resolves after a stop; rejects with what needs a person (`halted-…`, `needs-login`). */
  done: Promise<WatchEnd>;
  /** Finishes the file in hand. */
  stop(): void;
  stopNow(): void;
}

export interface WatchOptions extends Omit<
  BisyncOptions,
  'dryRun' | 'resync' | 'approve' | 'waitMs' | 'command' | 'signal' | 'stopping'
> {
  /** How often both sides are compared while no events come from the server; milliseconds. */
  intervalMs: number;
  /** The tenant's events (`Session.followEvents`); without it only the interval looks. */
  followEvents?:
    ((signal: AbortSignal, lastEventId?: string) => AsyncGenerator<StreamItem, void>) | undefined;
  /** The bucket key that is stored now; another process may have replaced it. */
  storedAccess?: (() => Promise<BucketAccess>) | undefined;
  /** Tells the server what was uploaded, for a storage that does not notify by itself. */
  announce?: ((notice: SyncNotice) => Promise<void>) | undefined;
}

/**
 * Watches a pair until it is stopped: `startWatch` in start-watch.ts. Resolves as soon as both sides
 * are watched and the view can be shown; the first run goes on then.
 *
 * @throws AbortError what a run would end with before it began: `folder-overlap`,
 *   `halted-marker-missing`, `already-watched` …
 */
export type StartWatch = (options: WatchOptions, host: Host) => Promise<Watcher>;
