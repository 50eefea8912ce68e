import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import type { RunOnRecord } from './changed-by-run.ts';

/**
 * The run that a person means: by its id or the end of it, or the last one. An undo that was cut off
 * is gone on with instead of being taken back.
 *
 * @param runs those on record, oldest first
 * @throws AbortError `no-such-run`, `several-runs` (2), `nothing-to-undo` (1)
 */
export function findRun(runs: readonly RunOnRecord[], wanted: string | undefined): RunOnRecord {
  const list = ['What is on record: cloud undo --list'];
  if (wanted === undefined) {
    const last = runs.at(-1);
    if (last === undefined) {
      throw new AbortError('nothing-to-undo', 'No run that changed something is on record.', {
        exitCode: ExitCode.failed,
      });
    }
    const unfinished = last.of !== null && !last.ended;
    return (unfinished ? runs.find(({ run }) => run === last.of) : undefined) ?? last;
  }
  const found = runs.filter(({ run }) => run === wanted || run.endsWith(`-${wanted}`));
  const [only] = found;
  if (only === undefined) {
    throw new AbortError('no-such-run', `No run ${wanted} that changed something is on record.`, {
      exitCode: ExitCode.usage,
      suggestions: list,
    });
  }
  if (found.length > 1) {
    throw new AbortError('several-runs', `${found.length} runs end with ${wanted}.`, {
      exitCode: ExitCode.usage,
      suggestions: list,
      details: { runs: found.map(({ run }) => run) },
    });
  }
  return only;
}
