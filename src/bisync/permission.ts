import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { checkGuards, missingDisk, wouldGo, type GuardStop } from './guards.ts';
import { notMounted } from './inner-disks.ts';
import type { BisyncOptions } from './options.ts';
import type { Pair } from './pair.ts';
import type { Plan } from './plan.ts';
import type { ConflictStrategy, Profile } from './profiles.ts';
import { approvedPart, savePlan, type ApprovedPlan, type ComparedSides } from './saved-plan.ts';

/**
 * The plan that may run: the approved one, or this one if no guard stops it.
 *
 * @throws AbortError `halted-delete-guard` or `halted-root-emptied` (78), with the stored plan's id
 */
export async function permitted(
  options: BisyncOptions,
  pair: Pair,
  plan: Plan,
  sides: ComparedSides,
  {
    profile,
    host,
    conflicts,
    disks,
  }: {
    profile: Profile;
    host: Host;
    conflicts: ConflictStrategy;
    /** Places of disks in the folder, as of the last run. */
    disks: readonly string[];
  },
): Promise<ApprovedPlan> {
  if (options.approve !== undefined) {
    return approvedPart(pair.folder, options.approve, plan, sides);
  }
  const stop =
    missingDisk(notMounted(pair.root, disks), sides) ?? checkGuards(plan, profile, sides);
  if (stop === undefined) return { plan, conflicts };
  throw guardError(stop, await savePlan(pair.folder, { plan, conflicts }, sides, host.clock.now()));
}

function guardError(stop: GuardStop, planId: string): AbortError {
  return new AbortError(stop.state, `${stop.message} Nothing was changed.`, {
    exitCode: ExitCode.needsPerson,
    suggestions: [...wouldGo(stop.paths), `If that is meant: cloud bisync --approve ${planId}`],
    details: { planId, side: stop.side, paths: stop.paths.slice(0, 1000) },
  });
}
