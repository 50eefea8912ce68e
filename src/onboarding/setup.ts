import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Task } from '../output/tasks.ts';
import type { Rclone } from '../rclone/rclone.ts';
import type { BucketKeyResult } from '../session/bucket-key.ts';
import type { SetupMode } from '../session/configuration.ts';
import type { Folders } from '../session/folders.ts';
import type { BisyncSummary, MountSummary } from './first-run.ts';
import { describeFirstSync, needsFirstSyncPlan } from './first-sync-plan.ts';
import type { SetupDeps, SetupOptions } from './request.ts';
import {
  compareStep,
  configureStep,
  filled,
  keyStep,
  rcloneStep,
  signInStep,
  startStep,
  type Progress,
} from './steps.ts';

export interface SetupResult {
  context: string;
  server: string;
  tenant: { id: string; slug: string; name: string };
  rclone: { path: string; version: string; origin: Rclone['origin'] };
  credential: { id: string; how: BucketKeyResult['how'] };
  bucket: string;
  mode: SetupMode;
  folders: Folders;
  bisync: BisyncSummary | null;
  mount: MountSummary | null;
  /** 3 when some files were not synced, else 0. */
  exitCode: ExitCode;
}

export interface Setup {
  /** Touches nothing of the person's. */
  prepare: Task[];
  /** After those: a look at what the first sync would do, where files of theirs are concerned. */
  compare: () => Promise<Task[]>;
  /** Between the steps, when no progress is drawn: asks before files of theirs are synced. */
  agree: () => Promise<void>;
  start: Task[];
  result: () => SetupResult;
  /** The titles of the steps that have come to their end. */
  done: () => readonly string[];
}

/**
 * Setup as steps, each of which finds what an earlier, interrupted one has done: running it again
 * goes on. `result` is there once all steps have run.
 */
export function planSetup(options: SetupOptions, deps: SetupDeps): Setup {
  const progress: Progress = {};
  const done: string[] = [];
  const noted = (task: Task): Task => ({
    ...task,
    run: async (report) => {
      const outcome = await task.run(report);
      done.push(task.title);
      return outcome;
    },
  });
  return {
    prepare: [
      rcloneStep(options, deps, progress),
      signInStep(options, deps, progress),
      keyStep(deps, progress),
      configureStep(deps, progress),
    ].map(noted),
    compare: async () => {
      if (progress.mode === 'mount') return [];
      const needed = await needsFirstSyncPlan(filled(progress.folders).sync, deps.host);
      return needed ? [noted(compareStep(options, deps, progress))] : [];
    },
    agree: () => agree(deps, progress),
    start: [noted(startStep(options, deps, progress))],
    result: () => toResult(progress),
    done: () => done,
  };
}

/** @throws AbortError `not-confirmed`, `confirmation-needed` (2) */
async function agree(deps: SetupDeps, { firstSyncPlan }: Progress): Promise<void> {
  if (firstSyncPlan === undefined) return;
  deps.onFirstSync(firstSyncPlan);
  if (await deps.confirm(describeFirstSync(firstSyncPlan))) return;
  throw new AbortError('not-confirmed', 'Nothing was synced.', {
    exitCode: ExitCode.usage,
    suggestions: ['Choose another folder: cloud setup --path FOLDER'],
  });
}

function toResult(progress: Progress): SetupResult {
  const { context } = filled(progress.session);
  const { access, how } = filled(progress.key);
  const { path, version, origin } = filled(progress.rclone);
  return {
    context: context.name,
    server: context.server,
    tenant: context.tenant,
    rclone: { path, version, origin },
    credential: { id: access.credentialId, how },
    bucket: access.bucket,
    mode: filled(progress.mode),
    folders: filled(progress.folders),
    bisync: progress.bisync ?? null,
    mount: progress.mount ?? null,
    exitCode: progress.bisync?.exitCode ?? ExitCode.ok,
  };
}
