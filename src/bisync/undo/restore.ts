import { mkdir, realpath, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExitCode } from '../../output/exit-codes.ts';
import { AbortError } from '../../output/errors.ts';
import { isErrno, syncFolder } from '../../platform/atomic-file.ts';
import type { Host } from '../../platform/host.ts';
import { mustBeKnown } from '../check.ts';
import { endingOfRun } from '../endings.ts';
import { Bucket } from '../follow-bucket.ts';
import { hashStable, placeNew, temporaryBeside } from '../local-file.ts';
import { workOnPair } from '../pair-work.ts';
import type { PairMemory } from '../pair-memory.ts';
import { problemOf } from '../path-failure.ts';
import type { RunContext } from '../run-context.ts';
import { PathProblem } from '../problems.ts';
import { pathInside } from '../safe-path.ts';
import { bringAll, type BroughtAll } from './bring-all.ts';
import type { FoundVersion } from './earlier-versions.ts';
import { findVersions, type FoundAt, type WhichVersion } from './find-versions.ts';
import type { UndoTarget } from './undo-context.ts';
import { mustBeAbleToWrite, reach } from './undo-run.ts';

export interface RestoreRequest extends UndoTarget, WhichVersion {
  /** Another folder than the synced one, in which nothing is overwritten. */
  to?: string | undefined;
  dryRun?: boolean;
  waitMs?: number | undefined;
}

export interface RestoreResult extends BroughtAll {
  root: string;
  /** Where the versions were put instead; null: in place. */
  to: string | null;
  dryRun: boolean;
  exitCode: ExitCode;
  /** By which this can be taken back; null where nothing was changed in place. */
  runId: string | null;
}

/**
 * Gives a file, or all of a folder, an earlier version, on both sides, as `undoRun` does; or puts it
 * somewhere else. What has changes that are not synced is left alone.
 *
 * @throws AbortError `no-version` (1), `no-such-version` (2), `bad-path` (2), and those of `undoRun`
 */
export async function restoreVersions(request: RestoreRequest, host: Host): Promise<RestoreResult> {
  const { access, localRoot, waitMs, signal, dryRun = false, to } = request;
  await mustBeKnown(localRoot, access.bucket, host);
  // Nothing of the pair changes where versions are put elsewhere.
  const untouched = dryRun || to !== undefined;
  const options = { access, localRoot, waitMs, signal, command: 'cloud restore' };
  const work = async (
    run: RunContext,
    memory: PairMemory,
  ): Promise<{ memory: PairMemory; result: RestoreResult }> => {
    if (!untouched) mustBeAbleToWrite(run);
    // What the trash has is put elsewhere without the bucket.
    const offline = request.onlyTrash === true && untouched;
    const access = offline ? request.access : await reach(run, request);
    const found = await findVersions(run, request).catch((error: unknown) => {
      run.signal?.throwIfAborted();
      throw inWords(error);
    });
    const folder = to === undefined ? undefined : resolve(to);
    const all =
      folder === undefined
        ? await inPlace(run, new Bucket(run, { access }), found, dryRun)
        : await elsewhere(run, found, { folder, dryRun });
    const whole = all.left.length === 0 && all.done.every(({ synced }) => synced);
    const exitCode = whole ? ExitCode.ok : ExitCode.incomplete;
    const runId = untouched ? null : run.runId;
    const met = run.tally.conflicts.filter(({ open }) => open);
    const at = new Date(run.now()).toISOString();
    const openConflicts = [...memory.openConflicts, ...met.map((each) => ({ ...each, at }))];
    const result = { ...all, root: run.pair.root, to: folder ?? null, dryRun, exitCode, runId };
    return { memory: { ...memory, openConflicts }, result };
  };
  return workOnPair({ ...options, dryRun: untouched }, host, work);
}

/** Of one path, or of the bucket. */
function inWords(error: unknown): unknown {
  if (!(error instanceof PathProblem)) return endingOfRun(error).error;
  return new AbortError(error.reason, `Nothing was restored: ${error.message}.`, {
    exitCode: ExitCode.failed,
  });
}

async function inPlace(
  run: RunContext,
  bucket: Bucket,
  found: readonly FoundAt[],
  dryRun: boolean,
): Promise<BroughtAll> {
  const wishes = found.map(({ path, version }) => ({
    ...{ path, expected: run.baseline.get(path) ?? null, wanted: version },
    find: () => Promise.resolve(version),
  }));
  return bringAll(run, bucket, wishes, { dryRun });
}

/** Below `folder` by the paths that they have in the pair; a single file by its name. */
async function elsewhere(
  run: RunContext,
  found: readonly FoundAt[],
  { folder, dryRun }: { folder: string; dryRun: boolean },
): Promise<BroughtAll> {
  const all: BroughtAll = { done: [], already: [], left: [] };
  if (!dryRun) await makeFolder(folder);
  const root = dryRun ? folder : await realpath(folder);
  for (const { path, below, version } of found) {
    run.signal?.throwIfAborted();
    try {
      const target = dryRun
        ? join(root, below)
        : await pathInside(root, below, { platform: run.names.platform, createFolders: true });
      const placed = dryRun || (await placeAt(run, target, version));
      const { size, from } = version;
      if (placed) all.done.push({ path: target, action: 'restored', size, from, synced: true });
      else {
        const message = `${target} is there already; nothing is overwritten`;
        all.left.push({ path, reason: 'blocked', message });
      }
    } catch (error) {
      run.signal?.throwIfAborted();
      all.left.push(problemOf(path, error));
    }
  }
  return all;
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    if (!isErrno(error, 'EEXIST', 'ENOTDIR')) throw error;
    throw new AbortError('bad-path', `${folder} is not a folder.`, { exitCode: ExitCode.usage });
  }
}

async function placeAt(run: RunContext, target: string, version: FoundVersion): Promise<boolean> {
  if ((await hashStable(target, run.wait)) !== undefined) return false;
  const temporary = temporaryBeside(target);
  try {
    await version.write(temporary);
    if (!(await placeNew(temporary, target))) return false;
    await syncFolder(dirname(target));
    return true;
  } finally {
    await rm(temporary, { force: true });
  }
}
