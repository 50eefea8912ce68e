import { pause as sleepWatchfully } from '../../api/event-connection.ts';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import type { Host } from '../../platform/host.ts';
import { createS3Client, type S3Client } from '../../s3/client.ts';
import { S3RequestError } from '../../s3/errors.ts';
import type { BucketAccess } from '../../session/bucket-access.ts';
import { endingOfRun } from '../endings.ts';
import { ACCESS_FILE } from '../filters/own-files.ts';
import { WATCH_COMMAND } from '../pair-lock.ts';
import type { Pair } from '../pair.ts';
import { readMemory } from '../pair-memory.ts';
import type { BisyncResult } from '../result.ts';
import type { BisyncEvent, RunContext } from '../run-context.ts';
import { runBisync, type BisyncDeps } from '../run.ts';
import { STATE_MEANINGS } from '../states.ts';
import { Agenda, type LocalHint, type RemoteHint, type Step } from './agenda.ts';
import type { Announcer } from './announcer.ts';
import { SHOWN, type Board } from './board.ts';
import { Flushes } from './flushes.ts';
import { isIgnoreFile, type LaneRules } from './judge.ts';
import { takeLane, type LaneOutcome } from './lane.ts';
import type { LocalSide } from './local-side.ts';
import { Retry } from './retry.ts';
import { NeedsRun, PairSlices } from './slices.ts';
import type { FlushResult, WatchChange, WatchOptions, WatchView } from './watcher.ts';

/** While events come, both sides are compared about so often all the same. */
const COMPARE_EVERY_MS = 3_600_000;
const JITTER = 0.2;
/** A delete waits so long for its other half: a rename, or a file that is written anew. */
const DELETE_AFTER_MS = 1000;
const SOON_MS = 500;
/** What the lane has settled is folded into the baseline from there on. */
const OVERLAY_BYTES = 8 * 1024 * 1024;
const PROBE_WITHIN_MS = 10_000;

export interface WatchingParts {
  options: WatchOptions;
  host: Host;
  pair: Pair;
  board: Board;
  local: LocalSide;
  announcer: Announcer;
  /** 0 to 1, for the jitter. */
  random: () => number;
  runDeps: Partial<BisyncDeps>;
}

/**
 * The one loop of a watcher: takes what is due from the agenda, by the lane or by a run, one after the
 * other. Whatever tells of changes only puts it on the agenda and wakes the loop.
 */
export class Watching {
  readonly agenda = new Agenda();
  readonly flushes: Flushes;
  readonly #parts: WatchingParts;
  readonly #slices: PairSlices;
  readonly #retry: Retry;
  readonly #stopping = new AbortController();
  readonly #stopped = new AbortController();
  readonly #inDoubt = new Set<string>();
  #access: BucketAccess;
  #s3: S3Client | undefined;
  #awake = new AbortController();
  #eventsCome = false;
  #paused: { until: number | null } | undefined;
  #busy: 'scanning' | 'syncing' | undefined;
  /** When the changes that are under way were first told of. */
  #firsts = new Map<string, number>();
  #via: WatchChange['via'] = 'run';
  #movedOnInRow = 0;

  constructor(parts: WatchingParts) {
    this.#parts = parts;
    this.#access = parts.options.access;
    this.#slices = new PairSlices(parts.options, parts.host, parts.pair, () => this.#access);
    this.#retry = new Retry(parts.random);
    this.flushes = new Flushes(() => this.#now());
  }

  get access(): BucketAccess {
    return this.#access;
  }

  view(): WatchView {
    const { pair, options, board } = this.#parts;
    const about = { root: pair.root, bucket: pair.bucket, profile: options.profile };
    const queue = this.agenda.waiting(SHOWN);
    return board.view(about, { queue, queued: this.agenda.size });
  }

  /** Something is on the agenda, or the network is back. */
  wake(): void {
    this.#awake.abort();
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
    if (come) this.#retry.soon(this.#now());
    this.wake();
  }

  async renew(): Promise<void> {
    const { renewAccess } = this.#parts.options;
    if (renewAccess === undefined) return;
    try {
      this.#use(await renewAccess());
    } catch {
      // The run that meets the old key's end asks again, and says what it hears.
    }
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
    this.#retry.soon(this.#now());
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
      while (!this.#stopping.signal.aborted) await this.#step();
    } finally {
      this.#s3?.close();
      this.flushes.fail(ended());
      this.#parts.board.close();
    }
  }

  async #step(): Promise<void> {
    const now = this.#now();
    const paused = this.#paused;
    if (paused !== undefined) {
      if (paused.until !== null && paused.until <= now) this.resume();
      else await this.#sleep(paused.until);
      return;
    }
    if (this.#retry.at !== undefined) {
      if (this.#retry.at > now) await this.#sleep(this.#retry.at);
      else await this.#tryAgain();
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
      else if (step.type === 'lane') await this.#lane(step);
      else {
        const until = Math.min(step.until ?? Infinity, nextComparisonAt ?? Infinity);
        await this.#sleep(until === Infinity ? null : until);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#showState();
    }
  }

  async #lane({ local, remote }: Extract<Step, { type: 'lane' }>): Promise<void> {
    this.#via = 'lane';
    this.#firsts = firstsOf([...local, ...remote]);
    const { agenda } = this;
    const around = {
      s3: this.#storage(),
      onEvent: (event: BisyncEvent) => this.#heard(event),
      signal: this.#stopped.signal,
      stopping: this.#stopping.signal,
    };
    let outcome: LaneOutcome;
    try {
      outcome = await this.#slices.take(around, (run, open) => {
        const rules = this.#rules(run, open);
        return takeLane(run, { local, remote, deleting: agenda.awaits('deleted') }, rules);
      });
    } catch (error) {
      if (!(error instanceof NeedsRun)) throw error;
      this.compare('state');
      return;
    }
    this.#takeOutcome(outcome);
    if ((await this.#slices.overlayBytes()) > OVERLAY_BYTES) this.compare('overlay');
  }

  #rules(run: RunContext, open: readonly { path: string }[]): LaneRules {
    const { filter, leftOut } = this.#parts.local.survey;
    return {
      ...{ filter, leftOut, names: run.names, inDoubt: this.#inDoubt },
      gitignore: this.#parts.options.gitignore === true,
      inConflict: new Set(open.map(({ path }) => path)),
    };
  }

  #takeOutcome(outcome: LaneOutcome): void {
    const { board } = this.#parts;
    const now = this.#now();
    for (const { hint, until } of outcome.again) this.agenda.postpone(hint, until);
    // A file that takes long to send is not sent again at once: at most a quarter of the time.
    for (const [path, ms] of outcome.took) this.agenda.rest(path, now + 3 * ms, now);
    for (const path of outcome.inDoubt) this.#inDoubt.add(path);
    for (const path of outcome.well) board.well(path);
    for (const { path, message } of outcome.problems) board.problem(path, message);
    for (const reason of outcome.runs) {
      const wait = reason === 'deleted' ? DELETE_AFTER_MS : reason === 'burst' ? 0 : SOON_MS;
      this.agenda.needRun(reason, now + wait);
    }
    if (outcome.unreachable !== undefined) this.#failed(outcome.unreachable);
  }

  async #compare(): Promise<void> {
    const { options, host, board, local, pair } = this.#parts;
    const startedAt = this.#now();
    const { hints } = this.agenda.beginRun(startedAt);
    this.#via = 'run';
    this.#firsts = firstsOf(hints);
    this.#slices.forget();
    await local.refresh();
    let withoutRclone: string | null = null;
    const onEvent = (event: BisyncEvent): void => {
      if (event.type === 'without-rclone') withoutRclone = event.reason;
      this.#heard(event);
    };
    const renewAccess = options.renewAccess === undefined ? undefined : () => this.#renewed();
    const result = await runBisync(
      {
        ...options,
        ...{ access: this.#access, renewAccess, waitMs: Infinity },
        ...{ command: WATCH_COMMAND },
        ...{ signal: this.#stopped.signal, stopping: this.#stopping.signal },
      },
      host,
      onEvent,
      this.#parts.runDeps,
    );
    this.#inDoubt.clear();
    const { openConflicts } = await readMemory(pair.folder);
    board.show({ lastComparedAt: startedAt, openConflicts: openConflicts.length });
    board.problems(result.problems);
    this.#setLane(withoutRclone);
    this.#planComparison();
    this.#ended(result, startedAt);
  }

  #ended(result: BisyncResult, startedAt: number): void {
    if (result.state === 'offline') {
      this.#failed(new S3RequestError('network', STATE_MEANINGS.offline.sentence));
      return;
    }
    this.#retry.succeeded();
    if (result.movedOn.length > 0) {
      this.#movedOnInRow += 1;
      const wait = Math.min(DELETE_AFTER_MS * 2 ** this.#movedOnInRow, 60_000);
      this.agenda.needRun('moved-on', this.#now() + wait);
    } else this.#movedOnInRow = 0;
    const { problems, movedOn, openConflicts } = result;
    const about = { problems, openConflicts, changes: this.#parts.board.changes };
    if (!this.flushes.ran({ startedAt, whole: movedOn.length === 0, ...about })) {
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

  /** The network, the storage or the disk does not do now what it should; or a person is needed. */
  #failed(failure: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const { remedy, error } = isOfTheSystem(failure)
      ? { remedy: 'stop', error: new AbortError('failed', failure.message) }
      : endingOfRun(failure);
    const now = this.#now();
    // Found out by the lane, where the key is not renewed.
    if (remedy === 'renew-access' && failure instanceof S3RequestError) {
      this.agenda.needRun('key', now);
      return;
    }
    if (!(error instanceof AbortError)) throw error;
    const { exitCode, suggestions, message } = error;
    if (exitCode !== ExitCode.unreachable && exitCode !== ExitCode.failed) throw error;
    const offline = exitCode === ExitCode.unreachable;
    this.#retry.failed(offline ? 'offline' : 'error', message, now);
    if (!offline) this.#parts.board.problem(error.code, message, suggestions[0] ?? null);
    this.agenda.needRun('back', now);
    this.flushes.fail(error);
  }

  /** Offline, one small request asks whether it is worth comparing everything. */
  async #tryAgain(): Promise<void> {
    if (this.#retry.kind === 'offline') {
      try {
        const soon = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(PROBE_WITHIN_MS)]);
        await this.#storage().head(ACCESS_FILE, soon);
      } catch (error) {
        if (!(error instanceof S3RequestError) || error.ambiguous) {
          this.#retry.failed('offline', this.#retry.message, this.#now());
          this.flushes.fail(offline(this.#retry.message));
          return;
        }
        // It answers; what it says is for the run to understand.
      }
    }
    this.#retry.letTry();
    this.agenda.needRun('back', this.#now());
  }

  #heard(event: BisyncEvent): void {
    const { board, announcer } = this.#parts;
    const at = this.#now();
    const change = (path: string, more: Pick<WatchChange, 'direction' | 'kind' | 'size'>): void => {
      const first = this.#firsts.get(path);
      const lagMs = first === undefined ? null : at - first;
      board.change({ path, ...more, via: this.#via, at, lagMs });
    };
    board.emit(event);
    switch (event.type) {
      case 'uploaded':
        announcer.changed({ key: event.path, change: 'put', size: event.size });
        {
          change(event.path, { direction: 'up', kind: 'saved', size: event.size });
          return;
        }
      case 'downloaded': {
        change(event.path, { direction: 'down', kind: 'saved', size: event.size });
        return;
      }
      case 'deleted': {
        const direction = event.side === 'remote' ? 'up' : 'down';
        if (direction === 'up') announcer.changed({ key: event.path, change: 'delete' });
        change(event.path, { direction, kind: 'deleted', size: null });
        return;
      }
      case 'conflict': {
        const direction = event.kept === 'local' ? 'up' : 'down';
        change(event.path, { direction, kind: 'conflict', size: null });
        return;
      }
      case 'planned':
        if (event.actions > 0) this.#showState('syncing');
        return;
      case 'progress': {
        board.moving(event.moving[0] ?? null);
        return;
      }
      default:
        return;
    }
  }

  #storage(): S3Client {
    this.#s3 ??= this.#parts.runDeps.s3 ?? createS3Client(this.#access);
    return this.#s3;
  }

  async #renewed(): Promise<BucketAccess> {
    const { renewAccess } = this.#parts.options;
    if (renewAccess === undefined) return this.#access;
    const access = await renewAccess();
    // Another bucket is refused by the run that asked.
    if (access.bucket === this.#access.bucket) this.#use(access);
    return access;
  }

  #use(access: BucketAccess): void {
    if (access.bucket !== this.#access.bucket) return;
    this.#access = access;
    this.#s3?.close();
    this.#s3 = undefined;
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
    this.#busy = busy;
    if (busy === undefined) board.moving(null);
    if (this.#paused !== undefined) board.state('paused');
    else if (this.#busy !== undefined) board.state(this.#busy);
    else if (this.#retry.kind !== undefined) board.state(this.#retry.kind, this.#retry.message);
    // Between the first word of a change and its end nothing is in sync.
    else if (this.agenda.size > 0 || this.agenda.runWanted) board.state('syncing');
    else board.state(board.shown.openConflicts > 0 ? 'conflicts' : 'idle');
  }

  #now(): number {
    return this.#parts.host.clock.now();
  }

  /** Until then, or until something happens; a machine that slept meanwhile compares everything. */
  async #sleep(until: number | null): Promise<void> {
    const { clock } = this.#parts.host;
    const { signal } = this.#awake;
    try {
      for (;;) {
        const left = (until ?? Infinity) - clock.now();
        if (left <= 0) return;
        if ((await sleepWatchfully(clock, left, signal)) === 'slept') {
          this.agenda.needRun('woke', clock.now());
          this.#retry.soon(clock.now());
          return;
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (signal.aborted) this.#awake = new AbortController();
    }
  }
}

function firstsOf(hints: readonly (LocalHint | RemoteHint)[]): Map<string, number> {
  return new Map(hints.map(({ path, first }) => [path, first]));
}

function paused(): AbortError {
  return new AbortError('paused', STATE_MEANINGS.paused.sentence, {
    exitCode: ExitCode.incomplete,
    suggestions: ['cloud resume'],
  });
}

function offline(message: string): AbortError {
  return new AbortError('offline', message, { exitCode: ExitCode.unreachable });
}

/** A full disk, a file that cannot be written: it may work again. */
function isOfTheSystem(failure: unknown): failure is NodeJS.ErrnoException {
  return failure instanceof Error && 'syscall' in failure && 'code' in failure;
}

function ended(): AbortError {
  return new AbortError('watch-ended', 'The watcher was stopped meanwhile.', {
    exitCode: ExitCode.incomplete,
    suggestions: ['cloud bisync --watch'],
  });
}
