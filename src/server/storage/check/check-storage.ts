import type { Clock } from '../../../platform/clock.ts';
import { StorageError } from '../provider.ts';
import { Scratch } from './scratch.ts';
import { Broken, Missing, Unseen, type Made, type Step, type StepDeps } from './step.ts';
import { STEPS } from './steps.ts';

export interface StorageCheck {
  id: string;
  title: string;
  status: 'ok' | 'failed' | 'skipped';
  /** What was seen; why it was skipped. */
  detail: string;
  /** What to do about a failure. */
  cure: string | null;
  /** Milliseconds. */
  took_ms: number;
}

export interface CheckStorageDeps extends StepDeps {
  /** First part of the names of buckets. */
  bucketPrefix: string;
  signal: AbortSignal;
  report: (check: StorageCheck) => void;
}

/**
 * Proves that a storage does what this server relies on: with two tenants' buckets and keys of its
 * own, which are gone afterwards, interrupted or not. What a killed check has left is removed by
 * the next one, an hour later.
 */
export async function checkStorage(deps: CheckStorageDeps): Promise<StorageCheck[]> {
  const { storage, clock, bucketPrefix, signal, report } = deps;
  const scratch = new Scratch(storage, clock, bucketPrefix);
  const made: Made = {};
  const results: StorageCheck[] = [];
  const note = (check: StorageCheck): void => {
    results.push(check);
    report(check);
  };
  try {
    for (const step of STEPS) {
      signal.throwIfAborted();
      note(await runStep(step, made, deps, scratch));
    }
  } finally {
    note(await cleanUp(scratch, clock));
  }
  signal.throwIfAborted();
  return results;
}

async function runStep(
  step: Step,
  made: Made,
  deps: CheckStorageDeps,
  scratch: Scratch,
): Promise<StorageCheck> {
  const { id, title, cure } = step;
  const begun = deps.clock.now();
  const result = (status: StorageCheck['status'], detail: string): StorageCheck => ({
    ...{ id, title, status, detail, cure: status === 'failed' ? cure : null },
    took_ms: deps.clock.now() - begun,
  });
  try {
    return result('ok', await step.run(made, deps, scratch));
  } catch (error) {
    if (error instanceof Missing) return result('skipped', 'what it needs could not be made');
    if (error instanceof Unseen) return result('skipped', error.message);
    if (error instanceof Broken || error instanceof StorageError) {
      return result('failed', error.message);
    }
    throw error;
  }
}

async function cleanUp(scratch: Scratch, clock: Clock): Promise<StorageCheck> {
  const begun = clock.now();
  const left = await scratch.remove();
  return {
    ...{ id: 'clean-up', title: 'Remove all of it again' },
    status: left.length === 0 ? 'ok' : 'failed',
    detail: left.length === 0 ? 'nothing is left' : `left: ${left.join(', ')}`,
    cure: left.length === 0 ? null : 'Remove these in the console of the storage.',
    took_ms: clock.now() - begun,
  };
}
