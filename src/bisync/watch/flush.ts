import { ExitCode } from '../../output/exit-codes.ts';
import { count, formatDuration } from '../../output/format.ts';
import type { Host } from '../../platform/host.ts';
import type { BisyncEvent } from '../run-context.ts';
import { syncContext } from '../sync-context.ts';
import { flushTimeout, flushWatcher } from './ask-watcher.ts';
import { findSyncedFolder, type FolderRequest } from './watched-folder.ts';
import type { FlushResult } from './watcher.ts';

export interface Flushed extends FlushResult {
  root: string;
  /** Who did it: a watcher that runs, or a run of its own. */
  by: 'watcher' | 'run';
  /** 3 with open conflicts or files that could not be synced, else 0. */
  exitCode: ExitCode;
}

/** How long a run of somebody else's is waited for; milliseconds. */
const FOR_EVER_MS = 365 * 86_400_000;
/** A file that is saved all the time would never let it end. */
const MOST_RUNS = 5;

/**
 * Returns when everything that was saved before the call is in the bucket, and everything that was
 * there before the call is here. A running watcher does it; without one, a run.
 *
 * @throws AbortError `flush-timeout` (1), and those of `syncContext`
 */
export async function flushFolder(
  request: FolderRequest & { timeoutMs?: number | undefined; signal: AbortSignal },
  host: Host,
  onEvent: (event: BisyncEvent) => void,
): Promise<Flushed> {
  const { timeoutMs, signal } = request;
  const { root, pairFolder } = await findSyncedFolder(request, host);
  const watched = pairFolder === undefined ? undefined : await flushWatcher(pairFolder, request);
  if (watched !== undefined) return judged(root, watched, 'watcher');
  const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const until = limit === undefined ? signal : AbortSignal.any([signal, limit]);
  const { session, path } = request;
  const options = { session, path, signal: until, waitMs: timeoutMs ?? FOR_EVER_MS };
  const total: FlushResult = { changes: 0, durationMs: 0, openConflicts: 0, problems: [] };
  try {
    for (let runs = 1; runs <= MOST_RUNS; runs += 1) {
      const { counts, durationMs, openConflicts, problems, movedOn } = await syncContext(
        options,
        host,
        onEvent,
      );
      total.changes += counts.uploaded + counts.downloaded;
      total.changes += counts.deletedLocal + counts.deletedRemote;
      total.durationMs += durationMs;
      Object.assign(total, { openConflicts, problems });
      // Saved once more while it was on its way: neither version may be in the bucket yet.
      if (movedOn.length === 0) break;
      total.problems = [...problems, ...movedOn.map(stillChanging)];
    }
  } catch (error) {
    throw limit?.aborted === true && !signal.aborted ? flushTimeout(timeoutMs ?? 0) : error;
  }
  return judged(root, total, 'run');
}

function stillChanging(path: string): FlushResult['problems'][number] {
  return { path, message: `${path} is being changed all the time.` };
}

function judged(root: string, result: FlushResult, by: Flushed['by']): Flushed {
  const problems = result.problems.map(({ path, message }) => ({ path, message }));
  const whole = problems.length === 0 && result.openConflicts === 0;
  const exitCode = whole ? ExitCode.ok : ExitCode.incomplete;
  return { root, by, ...result, problems, exitCode };
}

export function presentFlushed({ root, changes, durationMs, ...rest }: Flushed): string {
  const { openConflicts, problems } = rest;
  const moved = changes === 0 ? 'nothing had to be moved' : `${count(changes, 'change')} moved`;
  return [
    `${root} and the bucket are equal: ${moved}, ${formatDuration(durationMs)}.`,
    ...(openConflicts === 0
      ? []
      : [`${count(openConflicts, 'conflict')} open: cloud conflicts list`]),
    ...(problems.length === 0 ? [] : [`Except for ${count(problems.length, 'file')}:`]),
    ...problems.map(({ message }) => `  ${message}`),
  ].join('\n');
}
