import type { ObjectChanged } from '../../api/contract/events.ts';
import type { WaitingChange } from './watcher.ts';

/** A file that may have changed here. Times in milliseconds since the epoch. */
export interface LocalHint {
  path: string;
  first: number;
  last: number;
  /** Whether events still come although it was waited for long enough. */
  restless: boolean;
}

/** An object that may have changed there. */
export interface RemoteHint {
  path: string;
  first: number;
  last: number;
  /** The newest event of it. */
  event: Pick<ObjectChanged, 'change' | 'etag' | 'size'>;
}

export type Step =
  /** These are looked at now, and go by the lane if they can. */
  | { type: 'lane'; local: LocalHint[]; remote: RemoteHint[] }
  | { type: 'run'; reasons: string[] }
  /** Nothing to do until then; null: until something happens. */
  | { type: 'wait'; until: number | null };

/** A save is taken this long after its last event. */
export const QUIET_MS = 100;
/** What looks like an editor's own file gets time to vanish or to take its final name. */
export const TEMPORARY_MS = 3000;
/** A path that is saved all the time is taken after this long nevertheless. */
export const LONGEST_MS = 2000;
/** A burst is over after so long without an event, or is taken after the longest time. */
export const BURST_QUIET_MS = 500;
const BURST_LONGEST_MS = 10_000;
/** More than so many at once are a burst. */
export const BURST = 64;
/** Looking at each of more than so many takes longer than comparing everything. */
const LOOKED_AT = 5000;

/**
 * What waits to be done and when it is due: hints are settled and coalesced by path, a burst is
 * taken as a whole, and requests for a run are drawn together. Knows neither files nor network.
 */
export class Agenda {
  readonly #local = new Map<string, LocalHint>();
  readonly #remote = new Map<string, RemoteHint>();
  /** Not before then; a file that costs much to send is not sent without end. */
  readonly #notBefore = new Map<string, number>();
  readonly #runs = new Map<string, number>();
  #lastHint = 0;

  /** @returns false when it was waited for already */
  localHint(path: string, now: number): boolean {
    this.#lastHint = now;
    const known = this.#local.get(path);
    if (known !== undefined) known.last = now;
    else this.#local.set(path, { path, first: now, last: now, restless: false });
    return known === undefined;
  }

  remoteHint(path: string, event: RemoteHint['event'], now: number): void {
    this.#lastHint = now;
    const first = this.#remote.get(path)?.first ?? now;
    this.#remote.set(path, { path, first, last: now, event });
  }

  /** Asks for a run, not later than `at`. */
  needRun(reason: string, at: number): void {
    this.#runs.set(reason, Math.min(at, this.#runs.get(reason) ?? Infinity));
  }

  /** It is looked at again, but not before `until`. Its first event stays what its lag counts from. */
  postpone(hint: LocalHint | RemoteHint, until: number): void {
    if ('event' in hint) {
      if (!this.#remote.has(hint.path)) this.#remote.set(hint.path, hint);
      return;
    }
    const newer = this.#local.get(hint.path);
    if (newer === undefined) this.#local.set(hint.path, { ...hint });
    else newer.first = hint.first;
    this.#notBefore.set(hint.path, until);
  }

  /** Its next save waits until then. */
  rest(path: string, until: number, now: number): void {
    if (until - now <= QUIET_MS) return;
    for (const [other, at] of this.#notBefore) if (at <= now) this.#notBefore.delete(other);
    this.#notBefore.set(path, until);
  }

  /** The first of those that wait. */
  waiting(most: number): WaitingChange[] {
    const both = [...firstOf(this.#local, 'up', most), ...firstOf(this.#remote, 'down', most)];
    return both.sort((a, b) => a.since - b.since).slice(0, most);
  }

  get size(): number {
    return this.#local.size + this.#remote.size;
  }

  get runWanted(): boolean {
    return this.#runs.size > 0;
  }

  /** Whether a run is asked for with this reason. */
  awaits(reason: string): boolean {
    return this.#runs.has(reason);
  }

  /** A run begins: it will see all that was told of before. */
  beginRun(now: number): { reasons: string[]; hints: (LocalHint | RemoteHint)[] } {
    const reasons = [...this.#runs].filter(([, at]) => at <= now).map(([reason]) => reason);
    this.#runs.clear();
    const hints = [...this.#local.values(), ...this.#remote.values()];
    this.#local.clear();
    this.#remote.clear();
    this.#notBefore.clear();
    return { reasons, hints };
  }

  /** @param laneOpen otherwise every change becomes a run */
  next(now: number, laneOpen: boolean): Step {
    const runAt = Math.min(...this.#runs.values());
    if (runAt <= now) {
      const reasons = [...this.#runs].filter(([, at]) => at <= now).map(([reason]) => reason);
      return { type: 'run', reasons };
    }
    if (this.size > BURST || (!laneOpen && this.size > 0)) return this.#burst(now, runAt, laneOpen);
    const dueAt = [...this.#local.values()].map((hint) => this.#dueAt(hint));
    if (this.#remote.size > 0 || dueAt.some((at) => at <= now)) {
      return { type: 'lane', ...this.#take(now) };
    }
    const until = Math.min(runAt, ...dueAt);
    return { type: 'wait', until: until === Infinity ? null : until };
  }

  #burst(now: number, runAt: number, laneOpen: boolean): Step {
    // Maps keep the order in which things came.
    const began = this.waiting(1)[0]?.since ?? now;
    const at = Math.min(this.#lastHint + BURST_QUIET_MS, began + BURST_LONGEST_MS);
    if (now < at) return { type: 'wait', until: Math.min(at, runAt) };
    if (!laneOpen || this.size > LOOKED_AT) return { type: 'run', reasons: ['burst'] };
    return { type: 'lane', ...this.#take(Infinity) };
  }

  #take(now: number): Pick<Extract<Step, { type: 'lane' }>, 'local' | 'remote'> {
    const local = [...this.#local.values()].filter((hint) => this.#dueAt(hint) <= now);
    for (const hint of local) {
      hint.restless = now < hint.last + quietOf(hint.path);
      this.#local.delete(hint.path);
      this.#notBefore.delete(hint.path);
    }
    const remote = [...this.#remote.values()];
    this.#remote.clear();
    return { local, remote };
  }

  #dueAt({ path, first, last }: LocalHint): number {
    const quiet = quietOf(path);
    const settled = Math.min(last + quiet, first + Math.max(quiet, LONGEST_MS));
    return Math.max(settled, this.#notBefore.get(path) ?? 0);
  }
}

function firstOf(
  hints: ReadonlyMap<string, LocalHint | RemoteHint>,
  direction: WaitingChange['direction'],
  most: number,
): WaitingChange[] {
  const found: WaitingChange[] = [];
  for (const { path, first } of hints.values()) {
    if (found.length === most) break;
    found.push({ path, direction, since: first });
  }
  return found;
}

/** Names under which programs keep a file while they write it, and then rename or delete it. */
const TEMPORARY =
  /^(?:\.#.*|#.*#|.*~|4913|\.?.*\.sw[a-z]|~\$.*|.*\.(?:tmp|temp|part|partial|crdownload|download|bak)|\.~lock\..*#|\.goutputstream-.*|sed[A-Za-z0-9]{6}|.*\.tmp[.-].*|.*___jb_(?:tmp|old)___)$/i;

/** Whether a name looks like one that will be gone in a moment. It is synced if it stays. */
export function looksTemporary(path: string): boolean {
  return TEMPORARY.test(path.slice(path.lastIndexOf('/') + 1));
}

function quietOf(path: string): number {
  return looksTemporary(path) ? TEMPORARY_MS : QUIET_MS;
}
