import { AbortError } from '../output/errors.ts';
import type { BisyncOptions } from './options.ts';
import type { Plan } from './plan.ts';
import type { RunContext } from './run-context.ts';

/**
 * A run that a person approved although a guard had stopped it, or that unites both sides anew, begins
 * with a snapshot of the bucket, where it would replace or delete something there. Where none can be taken the
 * run goes on all the same, and says so: the person has decided.
 */
export async function snapshotBeforeRisk(
  run: RunContext,
  plan: Plan,
  { approve, resync, takeSnapshot }: Pick<BisyncOptions, 'approve' | 'resync' | 'takeSnapshot'>,
): Promise<void> {
  const risk =
    approve !== undefined ? 'an approved sync' : resync === true ? 'a resync' : undefined;
  if (risk === undefined || takeSnapshot === undefined || !plan.actions.some(touchesBucket)) return;
  const name = `before ${risk} ${run.runId}`;
  try {
    run.emit({ type: 'snapshot', name, version: await takeSnapshot(name), reason: null });
  } catch (error) {
    run.signal?.throwIfAborted();
    if (!(error instanceof AbortError)) throw error;
    run.emit({ type: 'snapshot', name, version: null, reason: error.message });
  }
}

function touchesBucket(action: Plan['actions'][number]): boolean {
  switch (action.type) {
    case 'upload':
      return action.replaces !== null;
    case 'delete-remote':
    case 'conflict':
    case 'compare':
      return true;
    default:
      return false;
  }
}
