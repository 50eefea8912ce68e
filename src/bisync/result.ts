import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { ActivityRecord } from './activity.ts';
import { stateAfter } from './endings.ts';
import type { NameWarning } from './judge-names.ts';
import type { Action, Plan } from './plan.ts';
import type { Problem } from './problems.ts';
import type { ProfileName } from './profiles.ts';
import type { ConflictRecord, RunContext, Tally } from './run-context.ts';
import type { PairState } from './states.ts';

/** How a run ended. Sizes in bytes. */
export interface BisyncResult {
  runId: string;
  pairId: string;
  root: string;
  bucket: string;
  profile: ProfileName;
  dryRun: boolean;
  /** No baseline was there: both sides were united and nothing was deleted. */
  united: boolean;
  state: PairState;
  exitCode: ExitCode;
  /** The stored plan of a dry run, for `--approve`. */
  planId: string | null;
  counts: {
    uploaded: number;
    downloaded: number;
    deletedLocal: number;
    deletedRemote: number;
    renamed: number;
    conflicts: number;
    /** Paths that were equal on both sides already. */
    unchanged: number;
  };
  bytes: { uploaded: number; downloaded: number };
  conflicts: ConflictRecord[];
  /** Conflicts of earlier runs and of this one that wait for a choice. */
  openConflicts: number;
  /** Paths that were not synced, with the reason. */
  problems: Problem[];
  /** New names that were uploaded, but that some system cannot hold. */
  warnings: NameWarning[];
  /** Paths that changed during the run and are left for the next one. */
  movedOn: string[];
  /** What a dry run found to do. */
  planned: PlannedStep[];
  durationMs: number;
}

export interface PlannedStep {
  action: 'upload' | 'download' | 'delete-local' | 'delete-remote' | 'rename' | 'conflict';
  path: string;
  size: number;
  /** The new path of a rename. */
  to?: string;
}

/** A plan for people: renames as one step, and nothing of what only changes the baseline. */
export function plannedSteps(plan: Plan): PlannedStep[] {
  const from = new Map(plan.renames.map((rename) => [rename.from, rename]));
  const to = new Set(plan.renames.map((rename) => rename.to));
  return plan.actions.flatMap((action): PlannedStep[] => {
    const { path } = action;
    const rename = from.get(path);
    if (rename !== undefined && isDelete(action)) {
      return [{ action: 'rename', path, to: rename.to, size: action.size }];
    }
    if (to.has(path)) return [];
    switch (action.type) {
      case 'agree':
      case 'forget':
        return [];
      case 'compare':
      case 'conflict':
        return [{ action: 'conflict', path, size: action.local.size }];
      default:
        return [{ action: action.type, path, size: action.size }];
    }
  });
}

function isDelete(
  action: Action,
): action is Extract<Action, { type: 'delete-local' | 'delete-remote' }> {
  return action.type === 'delete-local' || action.type === 'delete-remote';
}

/** The state after a run that came to its end, and its exit code. */
export function endOf(
  tally: Pick<Tally, 'problems' | 'movedOn' | 'unreachable'>,
  openConflicts: number,
): { state: PairState; exitCode: ExitCode } {
  if (tally.unreachable) return { state: 'offline', exitCode: ExitCode.unreachable };
  const state = openConflicts > 0 ? 'conflicts' : 'idle';
  const whole = openConflicts === 0 && tally.problems.length === 0 && tally.movedOn.length === 0;
  return { state, exitCode: whole ? ExitCode.ok : ExitCode.incomplete };
}

type ResultBase = Pick<
  BisyncResult,
  'runId' | 'pairId' | 'root' | 'bucket' | 'profile' | 'united'
> & {
  startedAt: number;
};

/** A dry run has changed nothing, so it ends well. */
export function dryRunResult(
  run: RunContext,
  plan: Plan,
  base: ResultBase & { planId: string },
): BisyncResult {
  const planned = plannedSteps(plan);
  return {
    ...finished(run, plan, { ...base, openConflicts: 0 }),
    ...{ dryRun: true, planId: base.planId, planned, exitCode: ExitCode.ok },
  };
}

/** The result of a run that came to its end. */
export function finished(
  run: RunContext,
  plan: Plan,
  { startedAt, ...base }: ResultBase & { openConflicts: number },
): BisyncResult {
  const { tally } = run;
  const { uploaded, downloaded, deletedLocal, deletedRemote } = tally;
  const counts = {
    ...{ uploaded, downloaded, deletedLocal, deletedRemote },
    renamed: plan.renames.length,
    conflicts: tally.conflicts.length,
    unchanged: plan.unchanged + plan.actions.filter(({ type }) => type === 'agree').length,
  };
  return {
    ...base,
    ...endOf(tally, base.openConflicts),
    ...{ dryRun: false, planId: null, counts, planned: [] },
    bytes: { uploaded: tally.bytesUp, downloaded: tally.bytesDown },
    conflicts: tally.conflicts,
    problems: tally.problems,
    warnings: tally.warnings,
    movedOn: tally.movedOn,
    durationMs: run.now() - startedAt,
  };
}

/** The line of a run that came to its end, for the activity record. */
export function runRecord(
  result: BisyncResult,
  command: string,
): Omit<Extract<ActivityRecord, { type: 'run' }>, 'at' | 'run'> {
  const { state, exitCode, durationMs, bytes } = result;
  const { uploaded, downloaded, deletedLocal, deletedRemote, conflicts } = result.counts;
  return {
    ...{ type: 'run', command, durationMs, state, exitCode, uploaded, downloaded, conflicts },
    deleted: deletedLocal + deletedRemote,
    problems: result.problems.length,
    bytes: bytes.uploaded + bytes.downloaded,
  };
}

/** The same of a run that something ended early. */
export function failedRunRecord(
  failure: unknown,
  { interrupted, ...about }: { command: string; durationMs: number; interrupted: boolean },
): ReturnType<typeof runRecord> {
  const known = failure instanceof AbortError;
  return {
    ...{ type: 'run', ...about, state: stateAfter(failure) },
    exitCode: known ? failure.exitCode : interrupted ? ExitCode.interrupted : ExitCode.failed,
    error: known ? failure.code : interrupted ? 'interrupted' : 'unexpected',
    ...{ uploaded: 0, downloaded: 0, deleted: 0, conflicts: 0, problems: 0, bytes: 0 },
  };
}
