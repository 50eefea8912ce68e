import { dirname } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { LockHeldError } from '../platform/lock-held-error.ts';
import { isDatabaseFull } from '../server/db/database-errors.ts';
import { isDiskFailure } from '../server/db/sqlite-errors.ts';
import { ServerStartError } from '../server/errors.ts';

/** A service manager need not try again what only a person can put right. */
const EXIT: Record<ServerStartError['code'], ExitCode> = {
  'invalid-setting': ExitCode.needsPerson,
  'invalid-flag': ExitCode.usage,
  'port-taken': ExitCode.failed,
  'address-not-available': ExitCode.failed,
  'folder-not-writable': ExitCode.failed,
  'database-newer': ExitCode.needsPerson,
  'database-unreadable': ExitCode.needsPerson,
  'database-unreachable': ExitCode.failed,
  'database-foreign': ExitCode.needsPerson,
  'storage-unusable': ExitCode.needsPerson,
  'signing-key-locked': ExitCode.needsPerson,
  'no-server': ExitCode.notSetUp,
  'backup-exists': ExitCode.usage,
  'backup-elsewhere': ExitCode.usage,
};

/** The server's own start errors as the command line reports them; others are left as they are. */
export function asAbortError(error: unknown): unknown {
  if (error instanceof ServerStartError) {
    return new AbortError(error.code, error.message, {
      exitCode: EXIT[error.code],
      suggestions: error.suggestions,
      cause: error,
    });
  }
  if (error instanceof LockHeldError) return alreadyRunning(error);
  if (isDatabaseFull(error)) {
    return new AbortError('disk-full', 'No space left for the database of the server.', {
      suggestions: ['Free some space and start it again; nothing was left half-written.'],
      cause: error,
    });
  }
  if (isDiskFailure(error)) {
    return new AbortError('disk-failed', 'The disk under the data folder fails or is full.', {
      suggestions: ['Look at its free space first: df -h'],
      cause: error,
    });
  }
  return error;
}

function alreadyRunning({ owner, path, cause }: LockHeldError): AbortError {
  const who = owner === undefined ? '' : ` (process ${owner.pid}, since ${owner.since})`;
  return new AbortError('locked', `A server already runs on ${dirname(path)}${who}.`, {
    exitCode: ExitCode.locked,
    suggestions: ['Use that one, stop it, or give this one another folder with --data.'],
    details: owner === undefined ? {} : { pid: owner.pid },
    cause,
  });
}
