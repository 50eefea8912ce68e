import { setTimeout as delay } from 'node:timers/promises';

/** A batch that took longer waited for somebody else: the storage, or requests that had their turn in it. */
const LONGEST_MS = 50;

/**
 * For work that looks at everything on the thread that answers requests; on SQLite nothing else lets them in.
 *
 * @returns to be awaited after each batch: rests as long as the batch took, so that half of the thread is left to
 * requests, and not only a gap for one of them
 */
export function takeTurns(): () => Promise<void> {
  let begun = performance.now();
  return async () => {
    await delay(Math.min(performance.now() - begun, LONGEST_MS));
    begun = performance.now();
  };
}
