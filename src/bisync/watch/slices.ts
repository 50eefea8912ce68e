import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../platform/atomic-file.ts';
import type { Host } from '../../platform/host.ts';
import type { S3Client } from '../../s3/client.ts';
import { Activity } from '../activity.ts';
import { rescueLateWrites } from '../aside.ts';
import { Journal } from '../journal.ts';
import { runContext, storedState } from '../locked-run.ts';
import { lockPair, WATCH_COMMAND } from '../pair-lock.ts';
import type { Pair } from '../pair.ts';
import { readMemory, writeMemory, type OpenConflict, type PairMemory } from '../pair-memory.ts';
import { makeReady } from '../prepare.ts';
import { PROFILES } from '../profiles.ts';
import { foldIn, isCutOff } from '../recover.ts';
import type { BisyncEvent, RunContext } from '../run-context.ts';
import { SyncedRoot } from '../synced-root.ts';
import type { BaselineEntry } from '../versions.ts';
import type { BucketAccess } from '../../session/bucket-access.ts';
import type { WatchOptions } from './watcher.ts';

interface SliceAround {
  s3: S3Client;
  onEvent: (event: BisyncEvent) => void;
  signal: AbortSignal;
  stopping: AbortSignal;
}

/** The pair's state wants a run before single files may move. */
export class NeedsRun extends Error {
  override readonly name = 'NeedsRun';
}

/** Replaced files that wait for a second look; older ones have had theirs by then. */
const ASIDES = 200;

/**
 * The lane's way to the pair: its lock, and all that guards a run, for a few files at a time. Between
 * two slices others may take the lock. The baseline stays in memory, and is read again only after
 * somebody else, a run included, has changed it: reading it takes as long as the tree is large.
 * Nothing of it is written; the journal's records are the overlay that the next run folds in.
 */
export class PairSlices {
  readonly #options: WatchOptions;
  readonly #host: Host;
  readonly #pair: Pair;
  #warm: { baseline: Map<string, BaselineEntry>; mark: string } | undefined;

  readonly #access: () => BucketAccess;

  constructor(options: WatchOptions, host: Host, pair: Pair, access: () => BucketAccess) {
    this.#options = options;
    this.#access = access;
    this.#host = host;
    this.#pair = pair;
  }

  /** What is in memory goes: a run makes its own, and changes what is on the disk. */
  forget(): void {
    this.#warm = undefined;
  }

  /** Bytes of the journal: what the next run has to fold in. */
  async overlayBytes(): Promise<number> {
    return Number((await statOf(join(this.#pair.folder, 'journal')))?.size ?? 0n);
  }

  /**
   * @throws NeedsRun; AbortError `halted-marker-missing` (78); what `work` throws
   */
  async take<T>(
    around: SliceAround,
    work: (run: RunContext, openConflicts: readonly OpenConflict[]) => Promise<T>,
  ): Promise<T> {
    const lock = await lockPair(this.#pair, {
      ...{ command: WATCH_COMMAND, clock: this.#host.clock },
      ...{ waitMs: Infinity, signal: around.stopping },
    });
    const journal = new Journal(this.#pair.folder);
    try {
      const run = await this.#open(journal, around);
      return await this.#remember(run, work);
    } finally {
      await journal.close();
      await this.#mark();
      lock.release();
    }
  }

  async #open(
    journal: Journal,
    { s3, onEvent, signal, stopping }: SliceAround,
  ): Promise<RunContext> {
    const [pair, { conflicts, profile }] = [this.#pair, this.#options];
    const access = this.#access();
    const now = this.#host.clock.now();
    const root = await SyncedRoot.open(pair, this.#host);
    const ready = await makeReady({ access }, pair, { s3, now });
    if (this.#warm?.mark !== (await markOf(pair))) await this.#read();
    if (this.#warm === undefined) throw new NeedsRun();
    const runId = `${new Date(now).toISOString().replace(/[-:.]/g, '')}-${randomBytes(3).toString('hex')}`;
    const activity = new Activity(pair.folder, runId, () => this.#host.clock.now());
    return runContext(
      { access, conflicts, signal, stopping },
      pair,
      { host: this.#host, s3, onEvent, runId, activity, journal },
      { profile: PROFILES[profile], baseline: this.#warm.baseline, ready, root },
    );
  }

  /** Leaves nothing in memory when the last process that worked here did not come to its end. */
  async #read(): Promise<void> {
    this.#warm = undefined;
    const { stored, leftovers } = await storedState(this.#pair, {});
    if (stored === undefined || (await isCutOff(leftovers))) return;
    const baseline = foldIn(stored, leftovers.settled);
    this.#warm = { baseline, mark: await markOf(this.#pair) };
  }

  /** What changed by our own hand is known. */
  async #mark(): Promise<void> {
    if (this.#warm !== undefined) this.#warm.mark = await markOf(this.#pair);
  }

  /** As after a run: open conflicts, and files in the trash that a program may still write to. */
  async #remember<T>(
    run: RunContext,
    work: (run: RunContext, openConflicts: readonly OpenConflict[]) => Promise<T>,
  ): Promise<T> {
    const { folder } = this.#pair;
    const before = await readMemory(folder);
    try {
      return await work(run, before.openConflicts);
    } finally {
      const { asides, conflicts } = run.tally;
      if (asides.length > 0 || conflicts.length > 0) {
        await writeMemory(folder, await this.#after(run, before));
      }
    }
  }

  async #after(run: RunContext, before: PairMemory): Promise<PairMemory> {
    const asides = [...before.asides, ...run.tally.asides];
    const old = asides.splice(0, Math.max(0, asides.length - ASIDES));
    await rescueLateWrites(run, old);
    const at = new Date(run.now()).toISOString();
    const open = run.tally.conflicts.filter((each) => each.open).map((each) => ({ ...each, at }));
    return { ...before, openConflicts: [...before.openConflicts, ...open], asides };
  }
}

/** Tells whether the baseline or its overlay is another than it was. */
async function markOf(pair: Pair): Promise<string> {
  const files = ['baseline', 'journal'].map((name) => statOf(join(pair.folder, name)));
  return (await Promise.all(files))
    .map((file) => (file === undefined ? '-' : `${file.ino}:${file.size}:${file.mtimeNs}`))
    .join(' ');
}

async function statOf(
  path: string,
): Promise<{ ino: bigint; size: bigint; mtimeNs: bigint } | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
