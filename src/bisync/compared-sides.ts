import { leftOutTest } from './filters/left-out.ts';
import { hasLookAlike } from './names.ts';
import { reportProblem } from './path-failure.ts';
import type { Problem } from './problems.ts';
import type { RunContext } from './run-context.ts';
import { unsafeKey } from './safe-path.ts';
import type { ComparedSides } from './saved-plan.ts';
import type { Scan } from './scan.ts';
import { setUnfitAside } from './judge-names.ts';

/** What is compared: without paths that cannot be read or must not touch the disk. */
export function comparable(
  run: RunContext,
  scan: Scan,
  misplaced: readonly string[],
): ComparedSides {
  const problem = (path: string, reason: Problem['reason'], message: string): void => {
    reportProblem(run, { path, reason, message });
  };
  for (const { path, reason } of scan.leftOut) {
    const why = reason === 'unreadable' ? 'cannot be read here' : 'has a name that rclone mixes up';
    problem(path, reason, `${path} ${why}, so it is left alone on both sides`);
  }
  for (const name of scan.unreadableNames) {
    problem(name, 'unreadable-name', `${name} is no Unicode name, so it is not synced`);
  }
  for (const path of scan.remote.keys()) {
    const unsafe = unsafeKey(path, run.names.platform);
    if (unsafe === undefined && !hasLookAlike(path)) continue;
    scan.remote.delete(path);
    const why = unsafe ?? 'rclone mixes its name up with others';
    problem(
      path,
      unsafe === undefined ? 'unsupported-name' : 'unsafe-path',
      `${path} is not brought here: ${why}`,
    );
  }
  const baseline = new Map(run.baseline);
  if (scan.leftOut.length > 0) {
    const isLeftOut = leftOutTest(scan.leftOut);
    for (const path of baseline.keys()) if (isLeftOut(path)) baseline.delete(path);
  }
  const sides = { baseline, local: scan.local, remote: scan.remote };
  for (const path of misplaced) for (const side of Object.values(sides)) side.delete(path);
  for (const { path, reason, message } of setUnfitAside(sides, run.names)) {
    problem(path, reason, message);
  }
  return sides;
}
