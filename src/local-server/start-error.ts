import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { ServerStartError } from '../server/errors.ts';

/** A service manager need not try again what only a person can put right. */
const EXIT: Record<ServerStartError['code'], ExitCode> = {
  'invalid-setting': ExitCode.needsPerson,
  'port-taken': ExitCode.failed,
  'address-not-available': ExitCode.failed,
  'folder-not-writable': ExitCode.failed,
  'database-newer': ExitCode.needsPerson,
  'database-unreadable': ExitCode.needsPerson,
  'storage-unusable': ExitCode.needsPerson,
  'signing-key-locked': ExitCode.needsPerson,
  'disk-full': ExitCode.failed,
};

/** The server's own start errors as the command line reports them; others are left as they are. */
export function asAbortError(error: unknown): unknown {
  if (!(error instanceof ServerStartError)) return error;
  return new AbortError(error.code, error.message, {
    exitCode: EXIT[error.code],
    suggestions: error.suggestions,
    cause: error,
  });
}
