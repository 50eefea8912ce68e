import { randomBytes } from 'node:crypto';
import type { Host } from '../platform/host.ts';
import type { S3Client } from '../s3/client.ts';
import { rescueLateWrites } from './aside.ts';
import { Activity } from './activity.ts';
import { readBaseline, setDamagedAside, writeBaseline } from './baseline-file.ts';
import { snapshotBeforeRisk } from './before-risk.ts';
import { comparable } from './compared-sides.ts';
import { executePlan } from './execute.ts';
import { Journal, restartJournal } from './journal.ts';
import { nameRulesOf, warningsOf } from './judge-names.ts';
import type { NameRules } from './name-rules.ts';
import { machineName } from './names.ts';
import { freshFolder, removeFolder, writeStatus, type Pair } from './pair.ts';
import { readMemory, stillOpen, writeMemory, type PairMemory } from './pair-memory.ts';
import { permitted } from './permission.ts';
import { makePlan, type Plan } from './plan.ts';
import { makeReady, type Ready } from './prepare.ts';
import { PROFILES, type Profile } from './profiles.ts';
import { ProgressMeter } from './progress.ts';
import {
  adoptAttempts,
  adoptPlaced,
  endUploads,
  foldIn,
  misplacedPaths,
  readLeftovers,
  removeTemporaries,
  tidyLocalRoot,
  type Leftovers,
} from './recover.ts';
import {
  dryRunResult,
  failedRunRecord,
  finished,
  plannedSteps,
  runRecord,
  type BisyncResult,
} from './result.ts';
import type { Scan } from './scan.ts';
import { stopSignal, type BisyncOptions } from './options.ts';
import { emptyTally, type BisyncEvent, type RunContext } from './run-context.ts';
import { savePlan } from './saved-plan.ts';
import { accessCheckFailed, endingOfRun } from './endings.ts';
import { SyncedRoot } from './synced-root.ts';
import { mayBeQuick, takeScan } from './take-scan.ts';
import { Trash } from './trash.ts';
import { tidyTrash } from './trash-bounds.ts';
import type { BaselineEntry } from './versions.ts';

interface Around {
  host: Host;
  s3: S3Client;
  onEvent: (event: BisyncEvent) => void;
  afterPlan: (() => Promise<void>) | undefined;
  silenceMs?: number | undefined;
  settledMs?: number | undefined;
  /** Other rules of names than those of the system here. */
  names?: Partial<NameRules> | undefined;
}

/** A run from its preparation to its settled end, under the lock of the pair. */
export async function runLocked(
  options: BisyncOptions,
  pair: Pair,
  around: Around,
): Promise<BisyncResult> {
  const { host } = around;
  const startedAt = host.clock.now();
  const runId = `${new Date(startedAt).toISOString().replace(/[-:.]/g, '')}-${randomBytes(3).toString('hex')}`;
  const command = options.command ?? 'cloud bisync';
  const activity = new Activity(pair.folder, runId, () => host.clock.now());
  around.onEvent({ type: 'scanning', runId, root: pair.root, bucket: pair.bucket });
  const journal = new Journal(pair.folder);
  try {
    const result = await syncOnce(options, pair, {
      ...around,
      runId,
      startedAt,
      activity,
      journal,
    });
    if (!result.dryRun) activity.add(runRecord(result, command));
    return result;
  } catch (error) {
    if (options.dryRun !== true) {
      const failure = endingOfRun(error).error;
      const durationMs = host.clock.now() - startedAt;
      const interrupted = stopSignal(options)?.aborted === true;
      activity.add(failedRunRecord(failure, { command, durationMs, interrupted }));
    }
    throw error;
  } finally {
    await journal.close();
    await Promise.all(['copies', 'work'].map((name) => removeFolder(pair, name)));
  }
}

interface ThisRun extends Around {
  runId: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  activity: Activity;
  journal: Journal;
}

async function syncOnce(
  options: BisyncOptions,
  pair: Pair,
  around: ThisRun,
): Promise<BisyncResult> {
  const { host, runId, startedAt } = around;
  const profile = PROFILES[options.profile];
  const dryRun = options.dryRun === true;
  const root = await SyncedRoot.open(pair, host);
  const ready = await makeReady(options, pair, { s3: around.s3, now: startedAt });
  const { stored, leftovers } = await storedState(pair, options);
  const baseline = foldIn(stored ?? new Map<string, BaselineEntry>(), leftovers.settled);
  const run = await runContext(options, pair, around, { profile, baseline, ready, root });
  const memory = await readMemory(pair.folder);
  if (dryRun) await adoptPlaced(run, leftovers.placings, { dryRun });
  else {
    await tidyLocalRoot(run, leftovers);
    await endUploads(run, leftovers.uploads);
    await rescueLateWrites(run, memory.asides);
  }
  const checkAccess = profile.checkAccess && ready.prepared;
  const { access, rclone } = options;
  // While both sides are compared there is nothing that would have to arrive.
  const signal = stopSignal(options);
  const { scan, remember } = await takeScan(
    {
      ...{ access, rclone, pair, baseline, s3: around.s3, checkAccess, signal },
      ...{ gitignore: options.gitignore === true, silenceMs: around.silenceMs },
      settledMs: around.settledMs,
    },
    { mayBeQuick: await mayBeQuick(options, pair.folder, { stored, leftovers }), dryRun },
    host,
  ).finally(() => root.check());
  if (scan.withoutRclone !== null) run.emit({ type: 'without-rclone', reason: scan.withoutRclone });
  if (!dryRun) await removeTemporaries(scan.own.temporaries);
  await adoptAttempts(run, leftovers.attempts, { ...scan, dryRun });
  // A real run has put them back by now.
  const misplaced = dryRun ? await misplacedPaths(leftovers) : [];
  const sides = comparable(run, scan, misplaced);
  const plan = makePlan(sides.baseline, sides.local, sides.remote);
  const base = {
    ...{ runId, pairId: pair.id, root: pair.root, bucket: pair.bucket, startedAt },
    ...{ profile: profile.name, united: stored === undefined },
  };
  const conflicts = run.strategy;
  if (dryRun) {
    const planId = await savePlan(pair.folder, { plan, conflicts }, sides, host.clock.now());
    return dryRunResult(run, plan, { ...base, planId });
  }
  run.tally.warnings = warningsOf(plan, sides);
  const { disks = [] } = memory;
  const permission = await permitted(options, pair, plan, sides, {
    profile,
    host,
    conflicts,
    disks,
  });
  const { plan: approved } = permission;
  run.strategy = permission.conflicts;
  if (checkAccess && !scan.accessFile && options.approve === undefined) throw accessCheckFailed();
  await snapshotBeforeRisk(run, approved, options);
  announce(run, approved);
  await around.afterPlan?.();
  if (approved.actions.length > 0) {
    await writeStatus(pair, 'syncing', 'Files are being moved.', { at: host.clock.now(), runId });
  }
  const next = await executeAndRemember(run, approved, { memory, scan });
  await settleRun(run, stored !== undefined);
  await remember();
  await tidyTrash(run, next, scan.own.trashes, options.trash);
  const openConflicts = next.openConflicts.length;
  const result = finished(run, approved, { ...base, openConflicts });
  await writeStatus(pair, result.state, lastWords(result), { at: host.clock.now(), runId });
  return result;
}

/** What earlier runs left: the baseline, or undefined for a union, and the journal of a cut one. */
export async function storedState(
  pair: Pair,
  options: Pick<BisyncOptions, 'resync' | 'dryRun'>,
): Promise<{ stored: Map<string, BaselineEntry> | undefined; leftovers: Leftovers }> {
  const leftovers = await readLeftovers(pair.folder);
  if (options.resync === true) {
    leftovers.attempts.clear();
    leftovers.placings.clear();
    leftovers.settled.clear();
    return { stored: undefined, leftovers };
  }
  const found = await readBaseline(pair.folder);
  if (found.state === 'present') return { stored: found.entries, leftovers };
  // Without an ancestor nothing may become one, or a union would delete.
  leftovers.attempts.clear();
  if (found.state === 'damaged' && options.dryRun !== true) await setDamagedAside(pair.folder);
  return { stored: undefined, leftovers };
}

/** What conflicts are open and what went into the trash is remembered however the execution ends. */
async function executeAndRemember(
  run: RunContext,
  plan: Plan,
  { memory, scan: { local, own } }: { memory: PairMemory; scan: Pick<Scan, 'local' | 'own'> },
): Promise<PairMemory> {
  const next = (): PairMemory => ({
    ...memory,
    disks: own.disks,
    openConflicts: stillOpen(memory.openConflicts, run.tally.conflicts, local, run.now()),
    asides: run.tally.asides,
  });
  try {
    await executePlan(run, plan);
  } catch (error) {
    const { asides } = run.tally;
    await writeMemory(run.pair.folder, { ...next(), asides: [...memory.asides, ...asides] });
    throw error;
  }
  await writeMemory(run.pair.folder, next());
  return next();
}

export async function runContext(
  options: Pick<BisyncOptions, 'access' | 'conflicts' | 'signal' | 'stopping'>,
  pair: Pair,
  {
    host,
    s3,
    onEvent,
    runId,
    activity,
    journal,
    names = {},
  }: Omit<ThisRun, 'afterPlan' | 'startedAt'>,
  state: {
    profile: Profile;
    baseline: Map<string, BaselineEntry>;
    ready: Ready;
    root: SyncedRoot;
  },
): Promise<RunContext> {
  const { profile, baseline, ready, root } = state;
  return {
    ...{ pair, root, runId, s3, journal, activity, baseline },
    trash: new Trash(pair.trash, runId),
    strategy: options.conflicts ?? profile.conflicts,
    conditions: ready.conditions,
    readOnly: options.access.permission === 'ro',
    copies: await freshFolder(pair, 'copies'),
    machine: machineName(),
    now: () => host.clock.now(),
    wait: (ms) => host.clock.sleep(ms, options.signal),
    signal: options.signal,
    stopping: options.stopping,
    emit: onEvent,
    progress: new ProgressMeter(host.clock),
    names: { ...(await nameRulesOf(pair.root, host.platform)), ...names },
    tally: emptyTally(),
    cutOff: { inRow: 0 },
  };
}

function announce(run: RunContext, plan: Plan): void {
  const steps = plannedSteps(plan);
  const bytes = plan.actions.reduce(
    (sum, action) =>
      action.type === 'upload' || action.type === 'download' ? sum + action.size : sum,
    0,
  );
  for (const warning of run.tally.warnings) run.emit({ type: 'warning', ...warning });
  run.emit({ type: 'planned', actions: steps.length, bytes });
  run.progress.expect({ changes: steps.length, bytes });
}

/**
 * Folds what was settled into the baseline. What was sent with an unknown end stays on record, and so
 * does what could not be put back from the trash: it is missing here, not deleted.
 */
export async function settleRun(run: RunContext, hadBaseline: boolean): Promise<void> {
  const { attempts, settled, asides, namings } = await readLeftovers(run.pair.folder);
  if (settled.size > 0 || !hadBaseline) await writeBaseline(run.pair.folder, run.baseline);
  const unsure = new Set(run.tally.problems.map(({ path }) => path));
  const records = [...attempts]
    .filter(([path]) => unsure.has(path))
    .map(([path, version]) => ({ type: 'put' as const, path, ...version }));
  const misplaced = new Set(await misplacedPaths({ asides }));
  const kept = asides.filter(({ path }) => misplaced.has(path));
  await restartJournal(run.pair.folder, [
    ...records,
    ...kept.map((each) => ({ type: 'aside' as const, ...each })),
    ...kept.flatMap(({ aside }) => {
      const naming = namings.get(aside);
      return naming === undefined ? [] : [{ type: 'naming' as const, ...naming }];
    }),
  ]);
}

function lastWords(result: BisyncResult): string {
  if (result.openConflicts > 0) return `Open conflicts: ${result.openConflicts}.`;
  const left = result.problems.length + result.movedOn.length;
  return left > 0 ? `Files that were not synced: ${left}.` : 'Both sides agree.';
}
