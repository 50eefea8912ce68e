import { serveControl, type ControlServer } from '../control/control.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { currentProcess } from '../platform/processes.ts';
import type { DrainProgress } from './drain.ts';
import { endMount, type EndOptions } from './end.ts';
import { Endings } from './endings.ts';
import { freshnessOf, type Freshness } from './freshness.ts';
import { keepsEnding, keysReplaced, LiveView, rcloneEnded } from './health.ts';
import { mountFolders, type MountFolders } from './identity.ts';
import { KeyRenewal } from './key-renewal.ts';
import { findMount, readMountTable } from './mount-table.ts';
import type { PendingWork } from './pending.ts';
import { besides, type RecoveredFile } from './recover.ts';
import { RecordKeeper } from './record-keeper.ts';
import { readRecord, type MountRecord } from './record.ts';
import { MountQuestion } from './requests.ts';
import { Restarts } from './restarts.ts';
import type { ServedMount } from './serve.ts';
import { startMount } from './start.ts';
import type { SupervisorDeps } from './supervisor-deps.ts';
import { messageOf, Upkeep } from './upkeep.ts';

/** A look that is late by so much, in milliseconds, means that the machine slept. */
const JUMP_MS = 30_000;
/** How long `status` waits for rclone, in milliseconds. */
const STATUS_WITHIN_MS = 400;
/** How long the end of a session or machine is held up for uploads, in milliseconds. */
const SIGNAL_DRAIN_MS = 60_000;

/**
 * Owns one mount until it is ended: starts rclone, mounts, starts both again when they die,
 * answers questions over its socket, and unmounts in order when asked to or signalled. The record
 * `id` says what to mount; whoever starts the supervisor has written it.
 *
 * @throws AbortError when it cannot be mounted, or cannot be kept
 */
export async function superviseMount(host: Host, id: string, deps: SupervisorDeps): Promise<void> {
  const folders = mountFolders(host.places, id);
  const lock = await acquireLock(folders.lock, { command: `cloud mount (${id})`, waitMs: 2000 });
  try {
    const record = readRecord(host.places, id);
    if (record === undefined) {
      throw new AbortError('not-mounted', `There is no mount ${id}.`, { exitCode: ExitCode.mount });
    }
    await new Supervisor(host, record, folders, deps).run();
  } finally {
    lock.release();
  }
}

interface EndRequest {
  force: boolean;
  timeoutMs?: number | undefined;
}

class Supervisor {
  readonly #host: Host;
  readonly #folders: MountFolders;
  readonly #deps: SupervisorDeps;
  readonly #keeper: RecordKeeper;
  #served: ServedMount | undefined;
  /** Settles when the last start is over, well or not. */
  #starting: Promise<unknown> = Promise.resolve();
  /** An unmount under way; the mount goes on if it fails. */
  readonly #endings = new Endings();
  readonly #ended = new AbortController();
  readonly #restarts = new Restarts();
  readonly #live = new LiveView();
  readonly #upkeep: Upkeep;
  readonly #freshness: Freshness;

  constructor(host: Host, record: MountRecord, folders: MountFolders, deps: SupervisorDeps) {
    this.#host = host;
    this.#folders = folders;
    this.#deps = deps;
    this.#keeper = new RecordKeeper(host, record, deps.reportOf);
    const keys = new KeyRenewal(host.clock, deps.keys);
    const isTold = (): boolean => this.#freshness.mode === 'events';
    const onAnswers = (): void => this.#freshness.doubt();
    this.#upkeep = new Upkeep({
      host,
      keeper: this.#keeper,
      keys,
      log: deps.log,
      isTold,
      onAnswers,
    });
    this.#freshness = freshnessOf(this.#keeper, {
      ...{ clock: host.clock, cache: folders.cache, log: deps.log, changes: deps.changes },
      keys: deps.keys.stored,
      vfs: () => this.#served?.vfs,
      canList: () => this.#upkeep.storageAnswers,
      onTrouble: () => this.#upkeep.askSoon(),
    });
  }

  get #record(): MountRecord {
    return this.#keeper.record;
  }

  async run(): Promise<void> {
    const control = await this.#claim();
    try {
      // Before anything is listed, so that what is listed later is missing nothing that was not told.
      const freshness = this.#freshness.run(this.#ended.signal);
      await this.#firstStart();
      await this.#watch();
      await freshness;
    } finally {
      this.#ended.abort();
      await control.close();
    }
  }

  async #claim(): Promise<ControlServer> {
    const control = await serveControl(this.#folders.root, this.#record.nonce, {
      questions: MountQuestion,
      handle: (question, emit, signal) => this.#answer(question, emit, signal),
      reportOf: this.#deps.reportOf,
    });
    await this.#keeper.save({ supervisor: currentProcess(), control: control.address });
    this.#deps.report({ type: 'claimed' });
    return control;
  }

  async #firstStart(): Promise<void> {
    try {
      await this.#start(true);
    } catch (error) {
      await this.#keeper.saveEnded('unmounted', error);
      throw error;
    }
    this.#deps.report({ type: 'mounted', record: this.#record });
  }

  async #start(adopt: boolean): Promise<void> {
    const { keys, rclonePath, report } = this.#deps;
    const starting = startMount(this.#host, this.#keeper, {
      ...{ folders: this.#folders, bucketAccess: keys.stored, rclonePath, adopt },
      onStep: (step) => {
        this.#deps.log.write('info', step, { path: this.#record.path });
        report({ type: 'step', step });
      },
      onRecovered: (files) => this.#noteRecovered(files),
      onTrouble: (what, error) =>
        this.#deps.log.write('warn', 'storage', { what, error: messageOf(error) }),
    }).then((served) => {
      this.#served = served;
    });
    this.#starting = starting.catch(() => undefined);
    await starting;
  }

  #noteRecovered(files: readonly RecoveredFile[]): void {
    this.#deps.log.write('warn', 'recovered', { files });
    const { recovered } = this.#record;
    void this.#keeper.note({ recovered: [...new Set([...recovered, ...besides(files)])] });
  }

  /** Until it is ended: restarts rclone when it dies, and notes how the mount is. */
  async #watch(): Promise<void> {
    const { signal, tickMs = 5000 } = this.#deps;
    const stop = (): void => void this.#endBySignal();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    const { clock } = this.#host;
    const ended = this.#ended.signal;
    while (!ended.aborted) {
      const served = this.#served;
      const began = clock.now();
      const tick = clock.sleep(tickMs, ended).then(
        () => 'tick' as const,
        () => 'ended' as const,
      );
      const gone = served?.exited.then(() => 'gone' as const) ?? Promise.resolve('gone' as const);
      const what = await Promise.race([gone, tick]);
      if (this.#endings.underWay) await this.#endings.over();
      else if (what === 'gone') await this.#restart();
      else if (what === 'tick' && served !== undefined) {
        this.#keeper.beat();
        if (clock.now() - began > tickMs + JUMP_MS) this.#upkeep.wokeUp();
        await this.#lookAfter(served);
      }
    }
  }

  /** @throws AbortError when rclone cannot be kept running; the mount is dead then */
  async #restart(): Promise<void> {
    const { clock } = this.#host;
    this.#served = undefined;
    const replaced = this.#upkeep.takeReplaced();
    const tooMany = !replaced && this.#restarts.add(clock.now());
    for (let attempt = 0; !this.#ended.signal.aborted; attempt += 1) {
      try {
        if (tooMany) throw keepsEnding(this.#folders.rcloneLog);
        if (attempt === 0) await this.#noteRestart(replaced ? keysReplaced() : rcloneEnded());
        await this.#start(false);
        return;
      } catch (error) {
        this.#deps.log.write('warn', 'restart failed', { error: messageOf(error) });
        // A laptop without network gets its mount back when the network is.
        if (!(error instanceof AbortError) || error.exitCode !== ExitCode.unreachable) {
          await this.#endHere({ force: true }).catch(() => undefined);
          await this.#keeper.saveEnded('dead', error);
          throw error;
        }
        await this.#noteRestart(error);
      }
      const wait = Math.min(30_000, 1000 * 2 ** attempt);
      await clock.sleep(wait, this.#ended.signal).catch(() => undefined);
      await this.#endings.over();
    }
  }

  async #noteRestart(why: AbortError): Promise<void> {
    const problem = this.#keeper.problemOf(why);
    await this.#keeper.note({ state: 'mounting', rclone: null, problem });
  }

  async #lookAfter(served: ServedMount): Promise<void> {
    const { adapter, path } = this.#record;
    const listed = findMount(await readMountTable(this.#host.platform), path) !== undefined;
    if (!listed && adapter?.kind !== 'winfsp') {
      this.#deps.log.write('warn', 'unmounted by hand', { path });
      await this.#end({ force: false, timeoutMs: SIGNAL_DRAIN_MS }).catch(() => undefined);
      return;
    }
    const { state, problem } = await this.#upkeep.look(served);
    const known = this.#record;
    if (this.#endings.underWay || isSame(known, state, problem?.message)) return;
    await this.#keeper.note({
      state,
      problem: problem === undefined ? null : this.#keeper.problemOf(problem),
    });
  }

  async #answer(
    question: MountQuestion,
    emit: (event: unknown) => void,
    signal: AbortSignal,
  ): Promise<unknown> {
    if (question.type === 'status') {
      const live = await this.#live.look(this.#served?.vfs, STATUS_WITHIN_MS);
      return { ...live, freshness: this.#freshness.mode };
    }
    if (question.type === 'use-stored-keys') {
      this.#upkeep.useStoredKeysSoon();
      return {};
    }
    return this.#end(question, emit, signal);
  }

  /** The session or the machine ends: what is not uploaded in time stays in the cache. */
  async #endBySignal(): Promise<void> {
    try {
      await this.#end({ force: false, timeoutMs: SIGNAL_DRAIN_MS });
    } catch (error) {
      this.#deps.log.write('warn', 'could not unmount in order', { error: messageOf(error) });
      await this.#end({ force: true }).catch(() => this.#ended.abort());
    }
  }

  #end(
    request: EndRequest,
    onProgress?: (progress: DrainProgress) => void,
    signal?: AbortSignal,
  ): Promise<PendingWork> {
    return this.#endings.end(request.force, signal, (either) =>
      this.#finish(request, onProgress, either),
    );
  }

  async #finish(
    request: EndRequest,
    onProgress: ((progress: DrainProgress) => void) | undefined,
    signal: AbortSignal,
  ): Promise<PendingWork> {
    // Ended halfway, a start would leave an rclone behind that nobody knows of.
    await this.#starting;
    const { state, id, bucket, path } = this.#record;
    await this.#keeper.note({ state: 'draining' });
    try {
      const kept = await this.#endHere({ ...request, onProgress, signal });
      await this.#keeper.saveEnded('unmounted').catch(() => undefined);
      this.#deps.report({ type: 'unmounted', result: { id, bucket, path, kept, open: [] } });
      this.#ended.abort();
      return kept;
    } catch (error) {
      await this.#keeper.note({ state });
      throw error;
    }
  }

  #endHere(request: EndRequest & Pick<EndOptions, 'onProgress' | 'signal'>): Promise<PendingWork> {
    return endMount({
      ...request,
      ...{ clock: this.#host.clock, platform: this.#host.platform, folders: this.#folders },
      ...{ served: this.#served, record: this.#record },
    });
  }
}

function isSame(known: MountRecord, state: string, message: string | undefined): boolean {
  return known.state === state && known.problem?.message === message;
}
