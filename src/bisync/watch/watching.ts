import { giveBackMemory } from '../../platform/memory.ts';
import { S3RequestError } from '../../s3/errors.ts';
import type { BucketAccess } from '../../session/bucket-access.ts';
import { WATCH_COMMAND } from '../pair-lock.ts';
import { readMemory } from '../pair-memory.ts';
import type { Problem } from '../problems.ts';
import type { BisyncResult } from '../result.ts';
import type { BisyncEvent } from '../run-context.ts';
import { runBisync } from '../run.ts';
import { STATE_MEANINGS } from '../states.ts';
import { Agenda, type RemoteHint, type Step } from './agenda.ts';
import { SHOWN } from './board.ts';
import { ended, paused } from './ends.ts';
import { Flushes } from './flushes.ts';
import { isIgnoreFile } from './judge.ts';
import { DELETE_AFTER_MS, LaneSteps } from './lane-steps.ts';
import { Recovery } from './recovery.ts';
import { StorageAccess } from './storage-access.ts';
import { Teller } from './teller.ts';
import { Wakeable } from './wakeable.ts';
import type { FlushResult, KeyInUse, WatchView } from './watcher.ts';
import type { WatchingParts } from './watching-parts.ts';

/** While events come, both sides are compared about so often all the same. */
const COMPARE_EVERY_MS = 3_600_000;
const JITTER = 0.2;

/**
 * The one loop of a watcher: takes what is due from the agenda, by the lane or by a run, one after the
 * other. Whatever tells of changes only puts it on the agenda and wakes the loop.
 */
export class Watching {
  readonly agenda = new Agenda();
  readonly flushes: Flushes;
  readonly #parts: WatchingParts;
  readonly #lane: LaneSteps;
  readonly #recovery: Recovery;
  readonly #stopping = new AbortController();
  readonly #stopped = new AbortController();
  readonly #storage: StorageAccess;
  readonly #teller: Teller;
  readonly #sleep: Wakeable;
  readonly #waitingForStep: (() => void)[] = [];
  #eventsCome = false;
  #paused: { until: number | null } | undefined;
  #movedOnInRow = 0;

  constructor(parts: WatchingParts) {
    this.#parts = parts;
    const { options, host, board, announcer } = parts;
    this.#storage = new StorageAccess(options, parts.runDeps.s3);
    this.#teller = new Teller(board, announcer, () => this.#now());
    this.#lane = new LaneSteps(parts, {
      ...{ agenda: this.agenda, storage: this.#storage, teller: this.#teller },
      ...{ signal: this.#stopped.signal, stopping: this.#stopping.signal },
    });
    this.#sleep = new Wakeable(host.clock);
    this.flushes = new Flushes(() => this.#now());
    this.#recovery = new Recovery(parts, {
      ...{ agenda: this.agenda, storage: this.#storage, flushes: this.flushes },
      stopped: this.#stopped.signal,
    });
  }

  get access(): BucketAccess {
    return this.#storage.access;
  }

  view(): WatchView {
    const { pair, options, board } = this.#parts;
    const about = { root: pair.root, bucket: pair.bucket, profile: options.profile };
    const queue = this.agenda.waiting(SHOWN);
    return board.view(about, { queue, queued: this.agenda.size });
  }

  /** Something is on the agenda, or the network is back. */
  wake(): void {
    this.#sleep.wake();
  }

  localHint(path: string): void {
    // A pause, and a start that has compared nothing yet, end with a run that sees everything.
    if (this.#paused !== undefined) return;
    const { filter } = this.#parts.local.survey;
    if (filter.ignores(path, 'file') && !isIgnoreFile(path, { gitignore: true })) return;
    this.agenda.localHint(path, this.#now());
    this.wake();
  }

  remoteHint(path: string, event: RemoteHint['event']): void {
    if (this.#paused !== undefined) return;
    this.agenda.remoteHint(path, event, this.#now());
    this.wake();
  }

  /** A folder has another name, or none. */
  gone(): void {
    this.compare('deleted', DELETE_AFTER_MS);
  }

  compare(reason: string, inMs = 0): void {
    this.agenda.needRun(reason, this.#now() + inMs);
    this.wake();
  }

  /** Whether the server tells of changes from now on. */
  eventsCome(come: boolean): void {
    this.#eventsCome = come;
    this.#planComparison();
    if (come) this.#recovery.soon();
    this.wake();
  }

  async renew(): Promise<void> {
    await this.#storage.renew();
  }

  async useStoredKey(): Promise<KeyInUse> {
    await this.#storage.useStored();
    await this.#stepEnds();
    const { contextName: context, credentialId } = this.access;
    return { context, credentialId };
  }

  pause(until: number | null): void {
    this.#paused = { until };
    this.agenda.beginRun(this.#now());
    this.#parts.board.show({ pausedUntil: until });
    this.flushes.fail(paused());
    this.#showState();
    this.wake();
  }

  resume(): void {
    if (this.#paused === undefined) return;
    this.#paused = undefined;
    this.#parts.board.show({ pausedUntil: null });
    this.compare('resumed');
  }

  async flush(signal: AbortSignal | undefined): Promise<FlushResult> {
    if (this.#paused !== undefined) throw paused();
    const result = this.flushes.add(this.#parts.board.changes, signal);
    this.#recovery.soon();
    this.compare('flush');
    return result;
  }

  stop(): void {
    this.#stopping.abort();
    this.wake();
  }

  stopNow(): void {
    this.#stopping.abort();
    this.#stopped.abort();
    this.wake();
  }

  /** Goes on until it is stopped. @throws what needs a person */
  async run(): Promise<void> {
    this.compare('start');
    try {
      while (!this.#stopping.signal.aborted) {
        this.#betweenSteps();
        await this.#step();
      }
    } finally {
      this.#betweenSteps();
      this.#storage.close();
      this.flushes.fail(ended());
      this.#parts.board.close();
    }
  }

  /** Resolves when what is under way has ended. */
  #stepEnds(): Promise<void> {
    return new Promise((resolve) => {
      this.#waitingForStep.push(resolve);
      this.wake();
    });
  }

  #betweenSteps(): void {
    this.#storage.closeReplaced();
    for (const resolve of this.#waitingForStep.splice(0)) resolve();
  }

  async #step(): Promise<void> {
    const now = this.#now();
    if (this.#paused !== undefined) {
      const { until } = this.#paused;
      if (until !== null && until <= now) this.resume();
      else await this.#rest(until);
      return;
    }
    const { againAt } = this.#recovery;
    if (againAt !== undefined) {
      if (againAt > now) await this.#rest(againAt);
      else await this.#recovery.tryAgain();
      return;
    }
    const { nextComparisonAt, lane } = this.#parts.board.shown;
    if (nextComparisonAt !== null && nextComparisonAt <= now) this.agenda.needRun('interval', now);
    const step = this.agenda.next(now, lane === 'open');
    await this.#do(step, nextComparisonAt);
  }

  async #do(step: Step, nextComparisonAt: number | null): Promise<void> {
    this.#showState(
      step.type === 'run' ? 'scanning' : step.type === 'lane' ? 'syncing' : undefined,
    );
    try {
      if (step.type === 'run') await this.#compare();
      else if (step.type === 'lane') {
        const unreachable = await this.#lane.take(step);
        if (unreachable !== undefined) this.#failed(unreachable);
      } else {
        const until = Math.min(step.until ?? Infinity, nextComparisonAt ?? Infinity);
        await this.#rest(until === Infinity ? null : until);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#showState();
    }
  }

  async #compare(): Promise<void> {
    const { options, host, board, local, pair } = this.#parts;
    const startedAt = this.#now();
    const { hints } = this.agenda.beginRun(startedAt);
    this.#teller.begin('run', hints);
    this.#lane.forget();
    await local.refresh();
    let withoutRclone: string | null = null;
    const onEvent = (event: BisyncEvent): void => {
      if (event.type === 'without-rclone') withoutRclone = event.reason;
      if (event.type === 'planned' && event.actions > 0) this.#showState('syncing');
      this.#teller.tell(event);
    };
    const { access, renewAccess } = this.#storage;
    const result = await runBisync(
      {
        ...options,
        ...{ access, renewAccess, waitMs: Infinity },
        ...{ command: WATCH_COMMAND },
        ...{ signal: this.#stopped.signal, stopping: this.#stopping.signal },
      },
      host,
      onEvent,
      this.#parts.runDeps,
    );
    this.#lane.doubtsAreOver();
    const { openConflicts } = await readMemory(pair.folder);
    board.show({ lastComparedAt: startedAt, openConflicts: openConflicts.length });
    board.problems(result.problems);
    this.#setLane(withoutRclone);
    this.#planComparison();
    this.#ended(result, startedAt);
    giveBackMemory();
  }

  #ended(result: BisyncResult, startedAt: number): void {
    if (result.state === 'offline') {
      this.#failed(new S3RequestError('network', STATE_MEANINGS.offline.sentence));
      return;
    }
    this.#recovery.succeeded();
    if (movedUnderneath(result)) {
      this.#movedOnInRow += 1;
      const wait = Math.min(DELETE_AFTER_MS * 2 ** this.#movedOnInRow, 60_000);
      this.agenda.needRun('moved-on', this.#now() + wait);
    } else this.#movedOnInRow = 0;
    const { openConflicts } = result;
    const problems = [...result.problems, ...result.movedOn.map(keepsChanging)];
    const about = { problems, openConflicts, changes: this.#parts.board.changes };
    if (!this.flushes.ran({ startedAt, whole: !movedUnderneath(result), ...about })) {
      this.agenda.needRun('flush', this.#now());
    }
  }

  /** A run's own listing without rclone is as safe; that the lane stays closed is a caution. */
  #setLane(reason: string | null): void {
    const { board } = this.#parts;
    const lane = reason === null ? 'open' : 'closed';
    if (lane !== board.shown.lane) {
      const message =
        reason === null
          ? 'Single files go straight to the other side again.'
          : `Every change is a full comparison for now: ${reason}`;
      board.emit({ type: 'notice', about: 'lane', message, cure: null });
    }
    board.show({ lane, laneNotice: reason });
  }

  #failed(failure: unknown): void {
    if (!this.#stopping.signal.aborted) this.#recovery.failed(failure);
  }

  #planComparison(): void {
    const { board, options, random } = this.#parts;
    const last = board.shown.lastComparedAt ?? this.#now();
    const jitter = 1 + JITTER * (2 * random() - 1);
    const every = this.#eventsCome ? COMPARE_EVERY_MS * jitter : options.intervalMs;
    board.show({ nextComparisonAt: Math.round(last + every) });
  }

  #showState(busy?: 'scanning' | 'syncing'): void {
    const { board } = this.#parts;
    if (busy === undefined) board.moving(null);
    if (this.#paused !== undefined) board.state('paused');
    else if (busy !== undefined) board.state(busy);
    else if (this.#recovery.trouble !== undefined) {
      const { kind, message } = this.#recovery.trouble;
      board.state(kind, message);
    }
    // Between the first word of a change and its end nothing is in sync.
    else if (this.agenda.size > 0 || this.agenda.runWanted) board.state('syncing');
    else board.state(board.shown.openConflicts > 0 ? 'conflicts' : 'idle');
  }

  #now(): number {
    return this.#parts.host.clock.now();
  }

  /** Until then, or until something happens; a machine that slept meanwhile compares everything. */
  async #rest(until: number | null): Promise<void> {
    if ((await this.#sleep.sleep(until)) === 'awake') return;
    this.compare('woke');
    this.#recovery.soon();
  }
}

/** For who waited for it: nothing that is not synced is left untold. */
function keepsChanging(path: string): Problem {
  const message = `${path} changed while it was being synced; it follows`;
  return { path, reason: 'changing', message };
}

/** Something changed while the run went on, a folder's name for instance: another one has it. */
function movedUnderneath({ movedOn, problems }: BisyncResult): boolean {
  return movedOn.length > 0 || problems.some(({ reason }) => reason === 'changing');
}
