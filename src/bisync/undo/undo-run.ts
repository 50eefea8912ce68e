import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import type { Host } from '../../platform/host.ts';
import { createS3Client, type S3Client } from '../../s3/client.ts';
import type { BucketAccess } from '../../session/bucket-access.ts';
import { readActivity } from '../activity.ts';
import { mustBeKnown } from '../check.ts';
import { endingOfRun } from '../endings.ts';
import { ACCESS_FILE } from '../filters/own-files.ts';
import { Bucket } from '../follow-bucket.ts';
import type { BisyncOptions } from '../options.ts';
import { workOnPair } from '../pair-work.ts';
import { storedStatus, writeStatus } from '../pair.ts';
import type { OpenConflict, PairMemory } from '../pair-memory.ts';
import { renewedAccess } from '../renew-access.ts';
import type { RunContext } from '../run-context.ts';
import { bringAll, type Brought, type BroughtAll, type Left, type Wish } from './bring-all.ts';
import { runsOnRecord, type RunOnRecord } from './changed-by-run.ts';
import { EarlierVersions, pathsWith, type ListVersions } from './earlier-versions.ts';
import { findRun } from './find-run.ts';

export interface UndoRequest extends Pick<
  BisyncOptions,
  'access' | 'renewAccess' | 'localRoot' | 'waitMs' | 'signal' | 'dryRun'
> {
  /** Its id or the end of it; undefined: the last one that changed something. */
  run?: string | undefined;
  listVersions: ListVersions;
}

export interface UndoResult {
  root: string;
  dryRun: boolean;
  exitCode: ExitCode;
  /** What was taken back. */
  run: { id: string; at: string; command: string | null };
  /** The id of this undo, by which it can be taken back itself; null for a dry run. */
  runId: string | null;
  done: Brought[];
  already: string[];
  left: Left[];
  openConflicts: number;
}

/**
 * Gives each path that a run has changed, on both sides, the version that both had agreed on before. What
 * has changed since is left alone. What is replaced goes to the trash, so that an undo is a run that can be
 * taken back.
 *
 * @throws AbortError `no-such-run`, `several-runs` (2), `nothing-to-undo` (1), `read-only-key` (4),
 * `never-synced` (10), `halted-marker-missing` (78), `offline` (5), `needs-login` (4)
 * @throws LockHeldError
 */
export async function undoRun(
  request: UndoRequest,
  host: Host,
  deps: { s3?: S3Client } = {},
): Promise<UndoResult> {
  const { access, localRoot, waitMs, signal, dryRun = false } = request;
  await mustBeKnown(localRoot, access.bucket, host);
  const options = { access, localRoot, waitMs, signal, dryRun, command: 'cloud undo' };
  const work = async (
    run: RunContext,
    memory: PairMemory,
  ): Promise<{ memory: PairMemory; result: UndoResult }> => {
    mustBeAbleToWrite(run);
    const access = await reach(run, request);
    const startedAt = run.now();
    const undone = findRun(runsOnRecord(await readActivity(run.pair.folder)), request.run);
    const wishes = wishesOf(undone, new EarlierVersions(run, request.listVersions));
    const all = await bringAll(run, new Bucket(run, { access }), wishes, { dryRun });
    all.left.push(...undone.conflicts.map(stillThere));
    const openConflicts = openAfter(run, memory.openConflicts, undone, all);
    if (!dryRun) noteReopened(run, memory.openConflicts, openConflicts);
    const result = resultOf(run, undone, all, { dryRun, openConflicts: openConflicts.length });
    if (!dryRun) await close(run, result, startedAt);
    return { memory: { ...memory, openConflicts }, result };
  };
  return workOnPair(options, host, work, deps);
}

export function mustBeAbleToWrite(run: Pick<RunContext, 'readOnly'>): void {
  if (!run.readOnly) return;
  throw new AbortError('read-only-key', 'The access key of this machine may only read.', {
    exitCode: ExitCode.auth,
    suggestions: ['Put versions elsewhere: cloud restore FILE --to FOLDER'],
  });
}

/**
 * Both sides are needed; to find that out once is enough. A key that is refused is renewed.
 *
 * @returns what reached the bucket
 * @throws AbortError `offline` (5), `needs-login` (4)
 */
export async function reach(
  run: RunContext,
  { access, renewAccess }: Pick<BisyncOptions, 'access' | 'renewAccess'>,
): Promise<BucketAccess> {
  try {
    await run.s3.head(ACCESS_FILE, run.signal);
    return access;
  } catch (error) {
    run.signal?.throwIfAborted();
    const { remedy, error: refusal } = endingOfRun(error);
    if (remedy !== 'renew-access' || renewAccess === undefined) throw refusal;
    const renewed = await renewedAccess(access, refusal, renewAccess);
    run.s3.close();
    run.s3 = createS3Client(renewed);
    return reach(run, { access: renewed });
  }
}

function wishesOf(undone: RunOnRecord, earlier: EarlierVersions): Wish[] {
  return undone.changes.map(({ path, before, after, asides }) => ({
    ...{ path, expected: after, wanted: before, of: undone.run },
    find: async () => {
      if (before === null) return earlier.reason;
      const paths = pathsWith(undone.changes, before);
      const found = await earlier.find(path, before, { asides, paths, run: undone.run });
      return found ?? `the version of ${path} before that is gone: ${earlier.reason}`;
    },
  }));
}

function stillThere({ path, copy }: { path: string; copy: string }): Left {
  const message = `both versions of ${path} are there, one as ${copy}`;
  return { path, reason: 'conflict', message };
}

/** A choice that was taken back is to be made again; one that is made again by this is made. */
function openAfter(
  run: RunContext,
  before: readonly OpenConflict[],
  undone: RunOnRecord,
  { done, already }: BroughtAll,
): OpenConflict[] {
  const back = new Set([...done.map(({ path }) => path), ...already]);
  const gone = new Set([
    ...undone.reopened,
    ...done.filter(({ action }) => action === 'removed').map(({ path }) => path),
  ]);
  const at = new Date(run.now()).toISOString();
  const met = run.tally.conflicts.filter(({ open }) => open).map((each) => ({ ...each, at }));
  const reopened = undone.resolved.flatMap(({ path, copy, conflict }): OpenConflict[] =>
    conflict?.open === true && back.has(copy)
      ? [{ path, copy, kept: conflict.kept, open: true, at }]
      : [],
  );
  const kept = before.filter(({ copy }) => !gone.has(copy));
  const known = new Set(kept.map(({ copy }) => copy));
  return [...kept, ...[...met, ...reopened].filter(({ copy }) => !known.has(copy))];
}

/** What was met by this undo itself is on record already. */
function noteReopened(
  run: RunContext,
  before: readonly OpenConflict[],
  after: readonly OpenConflict[],
): void {
  const known = new Set([...before, ...run.tally.conflicts].map(({ copy }) => copy));
  for (const { path, copy, kept, open } of after) {
    if (known.has(copy)) continue;
    run.activity.add({ type: 'conflict', path, copy, kept, open, reopened: true });
  }
}

function resultOf(
  run: RunContext,
  undone: RunOnRecord,
  { done, already, left }: BroughtAll,
  { dryRun, openConflicts }: { dryRun: boolean; openConflicts: number },
): UndoResult {
  const whole = left.length === 0 && done.every(({ synced }) => synced);
  return {
    ...{ root: run.pair.root, dryRun, done, already, left, openConflicts },
    exitCode: whole ? ExitCode.ok : ExitCode.incomplete,
    run: { id: undone.run, at: undone.at, command: undone.command },
    runId: dryRun ? null : run.runId,
  };
}

/** Writes down that it came to its end, and the state of the pair after it. */
async function close(run: RunContext, result: UndoResult, startedAt: number): Promise<void> {
  const { left, openConflicts, exitCode, done } = result;
  const before = (await storedStatus(run.pair.folder))?.state ?? 'idle';
  const ended = openConflicts > 0 ? 'conflicts' : 'idle';
  // Whatever else waits for a person still does.
  const state = before === 'idle' || before === 'conflicts' ? ended : before;
  const words = openConflicts > 0 ? `Open conflicts: ${openConflicts}.` : 'An undo has ended.';
  if (state !== before) await writeStatus(run.pair, state, words, { at: run.now() });
  run.activity.add({
    ...{ type: 'run', command: 'cloud undo', durationMs: run.now() - startedAt, state },
    ...{ exitCode, uploaded: run.tally.uploaded, downloaded: 0, conflicts: 0 },
    deleted: done.filter(({ action }) => action === 'removed').length,
    ...{ problems: left.length, bytes: run.tally.bytesUp },
  });
}
