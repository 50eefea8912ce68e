import { inParallel } from '../platform/in-parallel.ts';
import { isS3Failure } from '../s3/errors.ts';
import { PARALLEL_REQUESTS } from '../s3/request.ts';
import { rescueLateWrites } from './aside.ts';
import { resolveBothSides } from './conflict.ts';
import { deleteLocal, deleteRemote } from './delete.ts';
import { downloadFile } from './download.ts';
import { foldOf, type Fold } from './name-rules.ts';
import { problemOf, reportProblem } from './path-failure.ts';
import type { Action, Plan } from './plan.ts';
import type { Problem } from './problems.ts';
import { settle, type RunContext } from './run-context.ts';
import { uploadFile } from './upload.ts';

/**
 * Carries out a plan, each change under the invariants of docs/sync.md. What fails for one path is
 * a problem of that path. New content comes before deletes, so that a rename never leaves a moment
 * in which the content is nowhere.
 *
 * @throws S3RequestError when the storage refuses the key, or cannot be reached at all
 */
export async function executePlan(run: RunContext, plan: Plan): Promise<void> {
  const stopTelling = tellProgress(run);
  try {
    await carryOut(run, plan);
  } finally {
    stopTelling();
  }
}

/** So many failures of the storage in a row end the run; the next one goes on. */
const GIVE_UP_AFTER = 2 * PARALLEL_REQUESTS;

const NOTED_AT_ONCE = 1000;

const TELL_EVERY_MS = 500;

/** Tells how far the run is while it goes on, and once more at the end if it was told at all. */
function tellProgress(run: RunContext): () => void {
  let told = false;
  const tell = (): void => {
    told = true;
    run.emit({ type: 'progress', ...run.progress.read() });
  };
  const timer = setInterval(tell, TELL_EVERY_MS);
  return () => {
    clearInterval(timer);
    if (told) tell();
  };
}

async function carryOut(run: RunContext, plan: Plan): Promise<void> {
  const late = namesInTheWay(plan, foldOf(run.names));
  const transfers = plan.actions.filter(
    (action) => !isDelete(action) && !isNoted(action) && !late.has(action),
  );
  const blocked: Action[] = [];
  const renamed = new Set(plan.renames.map(({ from }) => from));
  const finish = ({ path }: Action, problem: Problem | undefined): void => {
    if (problem !== undefined) reportProblem(run, problem);
    // A rename counts once: where its content goes.
    if (!renamed.has(path)) run.progress.changeDone();
  };
  const note = async (action: Action): Promise<void> => {
    const problem = await attempt(run, action);
    if (problem !== undefined) reportProblem(run, problem);
  };
  await eachOf(run, plan.actions.filter(isNoted), note, NOTED_AT_ONCE);
  await eachOf(run, transfers, async (action) => {
    const problem = await attempt(run, action);
    // A file where a folder is needed may be about to be deleted; after the deletes once more.
    if (problem?.reason === 'blocked') blocked.push(action);
    else finish(action, problem);
  });
  await rescueLateWrites(run, run.tally.asides);
  await uploadNewCopies(run);
  const failed = new Set([...run.tally.problems, ...blocked].map(({ path }) => path));
  const unfinished = new Set(
    plan.renames.filter(({ to }) => failed.has(to)).map(({ from }) => from),
  );
  const deletes = plan.actions.filter((action) => isDelete(action) && !unfinished.has(action.path));
  const attemptAndReport = async (action: Action): Promise<void> => {
    finish(action, await attempt(run, action));
  };
  await eachOf(run, deletes, attemptAndReport);
  await eachOf(run, [...blocked, ...late], attemptAndReport);
  const { uploaded, downloaded, deletedRemote } = run.tally;
  run.tally.unreachable = run.cutOff.inRow > 0 && uploaded + downloaded + deletedRemote === 0;
}

/** Downloads whose place is still taken, for a system that folds names, by what will be deleted. */
function namesInTheWay(plan: Plan, fold: Fold): ReadonlySet<Action> {
  const going = new Set(
    plan.actions.filter(({ type }) => type === 'delete-local').map(({ path }) => fold(path)),
  );
  return new Set(
    plan.actions.filter(({ type, path }) => type === 'download' && going.has(fold(path))),
  );
}

function isDelete(action: Action): boolean {
  return action.type === 'delete-local' || action.type === 'delete-remote';
}

/** What moves nothing: it is written down, and so many together wait for the disk once. */
function isNoted(action: Action): boolean {
  return action.type === 'agree' || action.type === 'forget';
}

async function perform(run: RunContext, action: Action): Promise<void> {
  const { path } = action;
  switch (action.type) {
    case 'upload': {
      const outcome = await uploadFile(run, path, action.replaces);
      if (outcome === 'differs') await resolveBothSides(run, path);
      else if (outcome === 'gone') run.tally.movedOn.push(path);
      return;
    }
    case 'download': {
      const outcome = await downloadFile(run, path, action.replaces);
      if (outcome === 'differs') await resolveBothSides(run, path);
      else if (outcome === 'gone') run.tally.movedOn.push(path);
      return;
    }
    case 'conflict':
    case 'compare':
      return resolveBothSides(run, path);
    case 'agree':
      return settle(run, path, action.entry);
    case 'forget':
      return settle(run, path, null);
    case 'delete-local':
      if ((await deleteLocal(run, path, action.agreed)) === 'kept') run.tally.movedOn.push(path);
      return;
    case 'delete-remote':
      if ((await deleteRemote(run, path, action.agreed)) === 'kept') run.tally.movedOn.push(path);
  }
}

/** The problem of this one path, or undefined when it went well. */
async function attempt(run: RunContext, action: Action): Promise<Problem | undefined> {
  try {
    await perform(run, action);
    if (!isNoted(action)) run.cutOff.inRow = 0;
    return undefined;
  } catch (error) {
    run.signal?.throwIfAborted();
    if (isS3Failure(error, 'network', 'server', 'throttled')) {
      run.cutOff.inRow += 1;
      // Each has been tried again with back-off: it is not these files, the storage is away.
      if (run.cutOff.inRow >= GIVE_UP_AFTER) throw error;
    }
    return problemOf(action.path, error);
  }
}

/** Conflict copies are synced like any file, at once. */
async function uploadNewCopies(run: RunContext): Promise<void> {
  if (run.readOnly) return;
  // One that was there already, from a run that was cut off, is agreed by now.
  const copies = run.tally.newCopies.splice(0).filter((path) => !run.baseline.has(path));
  await eachOf(run, copies, async (path) => {
    try {
      // Another version under this name is the next run's conflict.
      if ((await uploadFile(run, path, null)) !== 'written') run.tally.movedOn.push(path);
    } catch (error) {
      run.signal?.throwIfAborted();
      reportProblem(run, problemOf(path, error));
    }
  });
}

/** As `inParallel`, and nothing new once the run is to stop. */
function eachOf<T>(
  run: RunContext,
  items: readonly T[],
  work: (item: T) => Promise<void>,
  atOnce = PARALLEL_REQUESTS,
): Promise<void> {
  return inParallel(items, atOnce, (item) => {
    run.signal?.throwIfAborted();
    run.stopping?.throwIfAborted();
    return work(item);
  });
}
