import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno } from '../../platform/atomic-file.ts';
import { inParallel } from '../../platform/in-parallel.ts';
import { S3RequestError } from '../../s3/errors.ts';
import { resolveBothSides } from '../conflict.ts';
import { downloadFile } from '../download.ts';
import { hashStable } from '../local-file.ts';
import { foldAnywhere } from '../name-rules.ts';
import { problemOf } from '../path-failure.ts';
import { PathProblem, type Problem } from '../problems.ts';
import type { RunContext } from '../run-context.ts';
import { uploadFile } from '../upload.ts';
import type { BaselineEntry } from '../versions.ts';
import { BURST, LONGEST_MS, type LocalHint, type RemoteHint } from './agenda.ts';
import { judgeLocal, judgeRemote, type Found, type LaneRules } from './judge.ts';
import { unfitForWindows } from '../../platform/file-names.ts';
import { platformOf } from '../../platform/platform.ts';

/** What became of a batch of changes. */
export interface LaneOutcome {
  /** Reasons for a run: everything that is not a simple change of one file. */
  runs: Set<string>;
  /** To be looked at again, not before `until`. */
  again: { hint: LocalHint | RemoteHint; until: number }[];
  problems: Problem[];
  /** Paths that have no problem any more. */
  well: string[];
  /** Writes whose end is unknown. */
  inDoubt: string[];
  /** The storage did not answer. */
  unreachable: S3RequestError | undefined;
  /** How long each upload took, milliseconds. */
  took: Map<string, number>;
}

const PARALLEL = 8;
/** Two looks at a file so far apart tell whether it is growing: logs are often written ten times a second. */
const GROWS_WITHIN_MS = 120;
/** A file that grows without end is sent this often all the same. */
const GROWING_MS = 30_000;

/**
 * Brings single changed files to the other side without comparing the trees, each under the same
 * invariants as in a run (docs/sync.md). Whatever is not simple is left to a run.
 *
 * @param deleting a run that deletes is about to come: what is new now may be half of a rename
 * @throws AbortError `halted-marker-missing`; S3RequestError when the key is refused
 */
export async function takeLane(
  run: RunContext,
  batch: { local: readonly LocalHint[]; remote: readonly RemoteHint[]; deleting: boolean },
  rules: LaneRules,
): Promise<LaneOutcome> {
  const lane = new Lane(run, rules);
  await lane.take(batch);
  return lane.outcome;
}

type Looked = Exclude<Found, { type: 'file' }> | { type: 'file'; size: number; inode: number };
type Job = { hint: LocalHint | RemoteHint; work: () => Promise<void> };

class Lane {
  readonly outcome: LaneOutcome = {
    ...{ runs: new Set<string>(), again: [], problems: [], well: [], inDoubt: [] },
    ...{ unreachable: undefined, took: new Map() },
  };
  readonly #run: RunContext;
  readonly #rules: LaneRules;

  constructor(run: RunContext, rules: LaneRules) {
    this.#run = run;
    this.#rules = rules;
  }

  async take({ local, remote, deleting }: Parameters<typeof takeLane>[1]): Promise<void> {
    const { runs } = this.outcome;
    const jobs: Job[] = [];
    await inParallel(local, PARALLEL, async (hint) => {
      const job = await this.#attempt(hint, () => this.#lookAt(hint));
      if (job !== undefined) jobs.push(job);
    });
    for (const hint of remote) {
      const verdict = judgeRemote(hint, this.#run.baseline.get(hint.path), this.#rules);
      if (typeof verdict === 'object') runs.add(verdict.run);
      else if (verdict !== 'lane') continue;
      else if (jobs.some((job) => job.hint.path === hint.path)) {
        // One after the other: what is here may be about to become the agreed version.
        this.outcome.again.push({ hint, until: 0 });
      } else jobs.push({ hint, work: () => this.#download(hint) });
    }
    if (jobs.length > BURST) runs.add('burst');
    const moving = deleting || runs.has('deleted');
    const ready =
      jobs.length > BURST ? [] : jobs.filter(({ hint }) => !moving || !this.#isNew(hint));
    await inParallel(ready, PARALLEL, async ({ hint, work }) => {
      const stopped = this.#run.stopping?.aborted === true;
      if (stopped || this.outcome.unreachable !== undefined) {
        this.outcome.again.push({ hint, until: 0 });
      } else await this.#attempt(hint, work);
    });
    // What a conflict has put beside its path is told of by an event as any new file.
  }

  #isNew({ path }: LocalHint | RemoteHint): boolean {
    return !this.#run.baseline.has(path);
  }

  /** The upload that a hint comes to, if it comes to one. */
  async #lookAt(hint: LocalHint): Promise<Job | undefined> {
    const { path } = hint;
    const agreed = this.#run.baseline.get(path);
    const file = join(this.#run.pair.root, path);
    const found = await look(file);
    if (found.type === 'missing' && agreed === undefined && this.#heldFiles(path)) {
      this.outcome.runs.add('deleted');
    }
    const verdict = judgeLocal(path, found, agreed, this.#rules);
    if (typeof verdict === 'object') this.outcome.runs.add(verdict.run);
    if (verdict !== 'lane' || found.type !== 'file') return undefined;
    if (hint.restless && (await this.#grows(file, found))) {
      if (this.#run.now() - hint.first < GROWING_MS) {
        this.outcome.again.push({ hint, until: this.#run.now() + LONGEST_MS });
        return undefined;
      }
    }
    if (agreed?.size === found.size) {
      const target = await this.#run.root.pathOf(path);
      if ((await hashStable(target, this.#run.wait))?.md5 === agreed.md5) {
        this.outcome.well.push(path);
        return undefined;
      }
    }
    if (agreed === undefined && !(await this.#mayBeNew(path))) return undefined;
    return { hint, work: () => this.#upload(hint, agreed ?? null) };
  }

  /** Whether it was a folder: where one watch is for the whole tree, nothing else tells. */
  #heldFiles(path: string): boolean {
    if (!platformOf(this.#rules.names.platform).watchesTrees) return false;
    for (const key of this.#run.baseline.keys()) if (key.startsWith(`${path}/`)) return true;
    return false;
  }

  /** The same file, and more in it. An editor that saves all the time puts another in its place. */
  async #grows(file: string, before: { size: number; inode: number }): Promise<boolean> {
    await this.#run.wait(GROWS_WITHIN_MS);
    const found = await look(file);
    return found.type === 'file' && found.inode === before.inode && found.size > before.size;
  }

  /** New names that other systems mix up are a run's to judge, which knows all names. */
  async #mayBeNew(path: string): Promise<boolean> {
    const why = unfitForWindows(path);
    if (why !== undefined) this.#run.emit({ type: 'warning', path, message: `${path}: ${why}` });
    const folder = dirname(path);
    const name = path.slice(folder === '.' ? 0 : folder.length + 1);
    const folded = foldAnywhere(name);
    const clash = (await namesIn(join(this.#run.pair.root, folder))).some(
      (other) => other !== name && foldAnywhere(other) === folded,
    );
    if (clash) this.outcome.runs.add('name');
    return !clash;
  }

  async #upload(hint: LocalHint, agreed: BaselineEntry | null): Promise<void> {
    const { path } = hint;
    const started = this.#run.now();
    const outcome = await uploadFile(this.#run, path, agreed);
    if (outcome === 'differs') await resolveBothSides(this.#run, path);
    else if (outcome === 'gone') this.outcome.again.push({ hint, until: 0 });
    this.outcome.took.set(path, this.#run.now() - started);
    this.outcome.well.push(path);
  }

  async #download({ path }: RemoteHint): Promise<void> {
    const agreed = this.#run.baseline.get(path) ?? null;
    if (agreed !== null && (await look(join(this.#run.pair.root, path))).type === 'missing') {
      // Deleted here; or its disk is not mounted, which a run knows.
      this.outcome.runs.add('deleted');
      return;
    }
    const outcome = await downloadFile(this.#run, path, agreed);
    if (outcome === 'differs') await resolveBothSides(this.#run, path);
    // Deleted since the event.
    else if (outcome === 'gone' && this.#run.baseline.has(path)) this.outcome.runs.add('deleted');
    this.outcome.well.push(path);
  }

  /** Undefined after a failure, which is of this path alone, or of the way to the storage. */
  async #attempt<T>(hint: LocalHint | RemoteHint, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const { path } = hint;
      if (this.#run.signal?.aborted === true) throw error;
      const problem = problemOf(path, error);
      if (error instanceof S3RequestError && error.ambiguous) {
        this.outcome.unreachable ??= error;
        this.outcome.inDoubt.push(path);
        this.outcome.runs.add('doubt');
      } else if (error instanceof PathProblem && error.reason === 'changing') {
        this.outcome.again.push({ hint, until: this.#run.now() + LONGEST_MS });
      } else this.outcome.problems.push(problem);
      return undefined;
    }
  }
}

async function look(file: string): Promise<Looked> {
  try {
    const entry = await lstat(file);
    if (!entry.isFile()) return { type: 'other' };
    return { type: 'file', size: entry.size, inode: entry.ino };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { type: 'missing' };
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
