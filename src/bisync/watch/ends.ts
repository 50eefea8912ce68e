import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { S3RequestError } from '../../s3/errors.ts';
import { endingOfRun } from '../endings.ts';
import { STATE_MEANINGS } from '../states.ts';
import type { RetryKind } from './retry.ts';
import { TENANT_REFUSALS } from '../../api/contract/problem.ts';

/** What a failure means for a watcher. */
export type Trouble =
  /** The key is not accepted: a run asks for another one. */
  | { type: 'key' }
  /** It may work again: it is tried with back-off. */
  | { type: 'retry'; kind: RetryKind; error: AbortError }
  /** A person is needed, or we are wrong. */
  | { type: 'end'; error: unknown };

export function troubleOf(failure: unknown): Trouble {
  if (isOfTheSystem(failure)) {
    const error = new AbortError('failed', failure.message);
    return { type: 'retry', kind: 'error', error };
  }
  const { remedy, error } = endingOfRun(failure);
  // A run has asked for another key before it fails; the lane has not.
  if (remedy === 'renew-access' && failure instanceof S3RequestError) return { type: 'key' };
  if (!(error instanceof AbortError)) return { type: 'end', error };
  // An administrator takes that back without anybody here doing something.
  if (TENANT_REFUSALS.has(error.details['reason'])) return { type: 'retry', kind: 'denied', error };
  if (error.exitCode === ExitCode.unreachable) return { type: 'retry', kind: 'offline', error };
  if (error.exitCode === ExitCode.failed) return { type: 'retry', kind: 'error', error };
  return { type: 'end', error };
}

/** A full disk, a file that cannot be written. */
function isOfTheSystem(failure: unknown): failure is NodeJS.ErrnoException {
  return failure instanceof Error && 'syscall' in failure && 'code' in failure;
}

export function paused(): AbortError {
  return new AbortError('paused', STATE_MEANINGS.paused.sentence, {
    exitCode: ExitCode.incomplete,
    suggestions: ['cloud resume'],
  });
}

export function ended(): AbortError {
  return new AbortError('watch-ended', 'The watcher was stopped meanwhile.', {
    exitCode: ExitCode.incomplete,
    suggestions: ['cloud bisync --watch'],
  });
}

export function offline(message: string): AbortError {
  return new AbortError('offline', message, { exitCode: ExitCode.unreachable });
}
