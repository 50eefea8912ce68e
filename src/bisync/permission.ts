import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { checkGuards, type GuardStop } from './guards.ts';
import type { BisyncOptions } from './options.ts';
import type { Pair } from './pair.ts';
import type { Plan } from './plan.ts';
import type { Profile } from './profiles.ts';
import { approvedPart, savePlan, type ComparedSides } from './saved-plan.ts';

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
