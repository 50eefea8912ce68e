import { isErrno } from '../platform/atomic-file.ts';
import { LockHeldError } from '../platform/lock-held-error.ts';
import { AbortError, BugError, type ErrorReport } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { redact } from '../output/redact.ts';
import { usageReport, type Call } from './usage-error.ts';

/** A signal ended the command. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: 130 | 143;
  constructor(signal: NodeJS.Signals) {
    super('Interrupted.');
    this.exitCode = signal === 'SIGTERM' ? ExitCode.terminated : ExitCode.interrupted;
  }
}

/** The one place that maps an error to a report and an exit code. */
export function reportOf(error: unknown, logPath?: string, call?: Call): ErrorReport {
  if (error instanceof AbortError) {
    const { code, message, exitCode, suggestions, details } = error;
    return { code, message: redact(message), exitCode, suggestions, details };
  }
  if (error instanceof Interrupted) return report('interrupted', error.message, error.exitCode);
  if (error instanceof LockHeldError) return lockReport(error);
  const usage = usageReport(error, call);
  if (usage !== undefined) return usage;
  const machine = machineReport(error);
  if (machine !== undefined) return machine;
  const message = error instanceof Error ? error.message : String(error);
  return report(
    error instanceof BugError ? 'bug' : 'unexpected',
    `Something went wrong that should not: ${redact(message)}`,
    ExitCode.failed,
    logPath === undefined
      ? []
      : [`Details are in ${logPath}; please report it with the last lines of that file.`],
  );
}

function report(
  code: string,
  message: string,
  exitCode: number,
  suggestions: string[] = [],
  details: Record<string, unknown> = {},
): ErrorReport {
  return { code, message, exitCode, suggestions, details };
}

function lockReport(error: LockHeldError): ErrorReport {
  const { owner } = error;
  return report(
    'locked',
    owner === undefined
      ? 'Another cloud process is at work here.'
      : `Another process is at work here: ${owner.command} (process ${owner.pid}, since ${owner.since}).`,
    ExitCode.locked,
    ['Wait for it to finish and run this again.'],
    owner === undefined ? {} : { owner },
  );
}

function machineReport(error: unknown): ErrorReport | undefined {
  if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS')) return undefined;
  const path = error.path ?? 'a file';
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return report('disk-full', `No space left to write ${path}.`, ExitCode.failed, [
        'Free some space and run this again; nothing was left half-written.',
      ]);
    case 'EROFS':
      return report('read-only', `${path} is on a read-only file system.`, ExitCode.failed);
    default:
      return report('not-permitted', `No permission for ${path}.`, ExitCode.failed);
  }
}
