import { join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { acquireLock, type Lock } from '../platform/lock.ts';
import { LockHeldError, type LockOwner } from '../platform/lock-held-error.ts';
import type { Pair } from './pair.ts';

/** How a watcher is named as the owner of a lock. */
export const WATCH_COMMAND = 'cloud bisync --watch';
/** A watcher lets go of the lock after each of its slices; at the latest when a run of its own ends. */
const TURN_WITHIN_MS = 600_000;

export interface PairLockOptions {
  command: string;
  clock: Clock;
  /** How long to wait for another process, in milliseconds. */
  waitMs: number;
  signal: AbortSignal | undefined;
  /** Another process is at work and is waited for. */
  onWaiting?: (owner: LockOwner | null) => void;
}

/**
 * The one lock of a pair. A watcher takes it in slices and is waited for in any case; whoever else has
 * it, as long as `waitMs` says.
 *
 * @throws LockHeldError
 */
export async function lockPair(
  pair: Pick<Pair, 'folder'>,
  options: PairLockOptions,
): Promise<Lock> {
  const { command, clock, signal } = options;
  const path = join(pair.folder, 'lock');
  try {
    return await acquireLock(path, { command, clock });
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    const byWatcher = error.owner?.command === WATCH_COMMAND;
    const waitMs = byWatcher ? Math.max(options.waitMs, TURN_WITHIN_MS) : options.waitMs;
    if (waitMs === 0) throw error;
    options.onWaiting?.(error.owner ?? null);
    return acquireLock(path, {
      command,
      clock,
      waitMs,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}
