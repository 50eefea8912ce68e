import { randomBytes } from 'node:crypto';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import type { S3Client } from '../s3/client.ts';
import { rescueLateWrites } from './aside.ts';
import { readBaseline, writeBaseline } from './baseline-file.ts';
import { executePlan } from './execute.ts';
import { isLeftOut } from './filters.ts';
import { checkGuards, type GuardStop } from './guards.ts';
import { Journal, restartJournal } from './journal.ts';
import { hasLookAlike, machineName } from './names.ts';
import { freshFolder, writeStatus, type Pair } from './pair.ts';
import { readMemory, stillOpen, writeMemory } from './pair-memory.ts';
import { makePlan, type Plan } from './plan.ts';
import { makeReady, type Ready } from './prepare.ts';
import type { Problem } from './problems.ts';
import { PROFILES, type Profile } from './profiles.ts';
import { adoptAttempts, foldIn, misplacedPaths, readLeftovers, tidyLocalRoot } from './recover.ts';
import { endOf, plannedSteps, type BisyncResult } from './result.ts';
import type { BisyncOptions } from './options.ts';
import { emptyTally, type BisyncEvent, type RunContext } from './run-context.ts';
import { unsafeKey } from './safe-path.ts';
import { approvedPart, savePlan, type ComparedSides } from './saved-plan.ts';
import { accessCheckFailed } from './scan-failure.ts';
import { scanBothSides, type Scan } from './scan.ts';
import { SyncedRoot } from './synced-root.ts';
import { Trash } from './trash.ts';
import type { BaselineEntry } from './versions.ts';

interface Around {
  host: Host;
  s3: S3Client;
  onEvent: (event: BisyncEvent) => void;
  afterPlan: (() => Promise<void>) | undefined;
}

/** A run from its preparation to its settled end, under the lock of the pair. */
export async function runLocked(
  options: BisyncOptions,
  pair: Pair,
  around: Around,
): Promise<BisyncResult> {
  const { host } = around;
  const startedAt = host.clock.now();
  const profile = PROFILES[options.profile];
  const runId = `${new Date(startedAt).toISOString().replace(/[-:.]/g, '')}-${randomBytes(3).toString('hex')}`;
  around.onEvent({ type: 'scanning', runId, root: pair.root, bucket: pair.bucket });
  const root = await SyncedRoot.open(pair);
  const ready = await makeReady(options, pair, { s3: around.s3, now: startedAt });
  const stored = await storedBaseline(pair, options.resync === true);
  const leftovers = await readLeftovers(pair.folder);
  // Without an ancestor nothing may become one, or a union would delete.
  if (stored === undefined) leftovers.attempts.clear();
  if (options.resync === true) leftovers.settled.clear();
  const baseline = foldIn(stored ?? new Map<string, BaselineEntry>(), leftovers.settled);
  const journal = await Journal.open(pair.folder);
  try {
    const run = await context(options, pair, around, {
      ...{ runId, profile, journal, baseline, ready, root },
    });
    const memory = await readMemory(pair.folder);
    const dryRun = options.dryRun === true;
    if (!dryRun) {
      await tidyLocalRoot(run, leftovers);
      await rescueLateWrites(run, memory.asides);
    }
    const checkAccess = profile.checkAccess && ready.prepared;
    const scan = await scanBothSides(
      {
        ...{ access: options.access, rclone: options.rclone, pair, baseline, s3: around.s3 },
        ...{ checkAccess, signal: options.signal },
      },
      host,
    ).finally(() => root.check());
    await adoptAttempts(run, leftovers.attempts, { ...scan, dryRun });
    // A real run has put them back by now.
    const misplaced = dryRun ? await misplacedPaths(leftovers) : [];
    const sides = comparable(run, scan, misplaced);
    const plan = makePlan(sides.baseline, sides.local, sides.remote);
    const base = {
      ...{ runId, pairId: pair.id, root: pair.root, bucket: pair.bucket },
      ...{ profile: profile.name, united: stored === undefined },
    };
    if (dryRun) {
      const planId = await savePlan(pair.folder, plan, sides, host.clock.now());
      return dryRunResult(run, plan, { ...base, planId, startedAt });
    }
    const approved = await permitted(options, pair, plan, sides, { profile, host });
    if (checkAccess && !scan.accessFile && options.approve === undefined) throw accessCheckFailed();
    announce(run, approved);
    await around.afterPlan?.();
    await writeStatus(pair, 'syncing', 'Files are being moved.', { at: host.clock.now(), runId });
    await executePlan(run, approved);
    const openConflicts = stillOpen(
      memory.openConflicts,
      run.tally.conflicts,
      scan.local,
      host.clock.now(),
    );
    await settleRun(run, stored !== undefined);
    await writeMemory(pair.folder, { openConflicts, asides: run.tally.asides });
    const result = finished(run, plan, { ...base, startedAt, openConflicts: openConflicts.length });
    await writeStatus(pair, result.state, lastWords(result), { at: host.clock.now(), runId });
    return result;
  } finally {
    await journal.close();
  }
}

async function storedBaseline(
  pair: Pair,
  resync: boolean,
): Promise<Map<string, BaselineEntry> | undefined> {
  if (resync) return undefined;
  const stored = await readBaseline(pair.folder);
  return stored.state === 'present' ? stored.entries : undefined;
}

async function context(
  options: BisyncOptions,
  pair: Pair,
  { host, s3, onEvent }: Around,
  state: {
    runId: string;
    profile: Profile;
    journal: Journal;
    baseline: Map<string, BaselineEntry>;
    ready: Ready;
    root: SyncedRoot;
  },
): Promise<RunContext> {
  const { runId, profile, journal, baseline, ready, root } = state;
  return {
    ...{ pair, root, runId, s3, journal, baseline },
    trash: new Trash(pair.trash, runId),
    strategy: options.conflicts ?? profile.conflicts,
    conditions: ready.conditions,
    readOnly: options.access.permission === 'ro',
    copies: await freshFolder(pair, 'copies'),
    machine: machineName(),
    now: () => host.clock.now(),
    wait: (ms) => host.clock.sleep(ms, options.signal),
    signal: options.signal,
    emit: onEvent,
    tally: emptyTally(),
  };
}

/** What is compared: without paths that cannot be read or must not touch the disk. */
function comparable(run: RunContext, scan: Scan, misplaced: readonly string[]): ComparedSides {
  const problem = (path: string, reason: Problem['reason'], message: string): void => {
    run.tally.problems.push({ path, reason, message });
    run.emit({ type: 'problem', path, reason, message });
  };
  for (const { path, reason } of scan.leftOut) {
    const why = reason === 'unreadable' ? 'cannot be read here' : 'has a name that rclone mixes up';
    problem(path, reason, `${path} ${why}, so it is left alone on both sides`);
  }
  for (const name of scan.unreadableNames) {
    problem(name, 'unreadable-name', `${name} is no Unicode name, so it is not synced`);
  }
  for (const path of scan.remote.keys()) {
    const unsafe = unsafeKey(path, process.platform);
    if (unsafe === undefined && !hasLookAlike(path)) continue;
    scan.remote.delete(path);
    const why = unsafe ?? 'rclone mixes its name up with others';
    problem(
      path,
      unsafe === undefined ? 'unsupported-name' : 'unsafe-path',
      `${path} is not brought here: ${why}`,
    );
  }
  const baseline = new Map([...run.baseline].filter(([path]) => !isLeftOut(path, scan.leftOut)));
  for (const path of misplaced) {
    for (const side of [baseline, scan.local, scan.remote]) side.delete(path);
  }
  return { baseline, local: scan.local, remote: scan.remote };
}

/**
 * The plan that may run: the approved one, or this one if no guard stops it.
 *
 * @throws AbortError `halted-delete-guard` or `halted-root-emptied` (78), with the stored plan's id
 */
async function permitted(
  options: BisyncOptions,
  pair: Pair,
  plan: Plan,
  sides: ComparedSides,
  { profile, host }: { profile: Profile; host: Host },
): Promise<Plan> {
  if (options.approve !== undefined) {
    return approvedPart(pair.folder, options.approve, plan, sides);
  }
  const stop = checkGuards(plan, profile, sides);
  if (stop === undefined) return plan;
  throw guardError(stop, await savePlan(pair.folder, plan, sides, host.clock.now()));
}

function guardError(stop: GuardStop, planId: string): AbortError {
  const shown = stop.paths.slice(0, 5).join(', ');
  const more = stop.paths.length > 5 ? ` and ${stop.paths.length - 5} more` : '';
  return new AbortError(stop.state, `${stop.message} Nothing was changed.`, {
    exitCode: ExitCode.needsPerson,
    suggestions: [
      `Would be deleted: ${shown}${more}`,
      `If that is meant: cloud bisync --approve ${planId}`,
    ],
    details: { planId, side: stop.side, paths: stop.paths.slice(0, 1000) },
  });
}

function announce(run: RunContext, plan: Plan): void {
  const steps = plannedSteps(plan);
  const bytes = steps.reduce((sum, step) => sum + (isTransfer(step.action) ? step.size : 0), 0);
  run.emit({ type: 'planned', actions: steps.length, bytes });
}

function isTransfer(action: string): boolean {
  return action === 'upload' || action === 'download';
}

/** Folds what was settled into the baseline. What was sent with an unknown end stays on record. */
async function settleRun(run: RunContext, hadBaseline: boolean): Promise<void> {
  const { attempts, settled } = await readLeftovers(run.pair.folder);
  if (settled.size > 0 || !hadBaseline) await writeBaseline(run.pair.folder, run.baseline);
  const unsure = new Set(run.tally.problems.map(({ path }) => path));
  const records = [...attempts]
    .filter(([path]) => unsure.has(path))
    .map(([path, version]) => ({ type: 'put' as const, path, ...version }));
  await restartJournal(run.pair.folder, records);
}

type Base = Pick<BisyncResult, 'runId' | 'pairId' | 'root' | 'bucket' | 'profile' | 'united'> & {
  startedAt: number;
};

function dryRunResult(run: RunContext, plan: Plan, base: Base & { planId: string }): BisyncResult {
  const planned = plannedSteps(plan);
  return {
    ...finished(run, plan, { ...base, openConflicts: 0 }),
    ...{ dryRun: true, planId: base.planId, planned, exitCode: ExitCode.ok },
  };
}

function finished(
  run: RunContext,
  plan: Plan,
  { startedAt, ...base }: Base & { openConflicts: number },
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
    movedOn: tally.movedOn,
    durationMs: run.now() - startedAt,
  };
}

function lastWords(result: BisyncResult): string {
  if (result.openConflicts > 0) return `Open conflicts: ${result.openConflicts}.`;
  const left = result.problems.length + result.movedOn.length;
  return left > 0 ? `Files that were not synced: ${left}.` : 'Both sides agree.';
}
