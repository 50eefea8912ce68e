import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { RunResult } from '../rclone/run.ts';
import type { S3RequestError } from '../s3/errors.ts';
import { ACCESS_FILE } from './filters/own-files.ts';
import { STATE_MEANINGS, type PairState } from './states.ts';

interface Row {
  /** What in rclone's log tells this case. */
  sign: RegExp;
  code: string;
  message: string;
  exitCode: ExitCode;
  suggestions: string[];
}

const ACCESS_CHECK_FAILED: Row = {
  sign: /Access test failed|check file check failed/,
  code: 'halted-marker-missing',
  message: `The check file ${ACCESS_FILE} is not the same on both sides; nothing was changed.`,
  exitCode: ExitCode.needsPerson,
  suggestions: [
    'Is it the right bucket and the right folder, and is the disk mounted?',
    'If it is, this keeps what both sides have and deletes nothing: cloud bisync --resync',
  ],
};

const CLOCK_WRONG: Row = {
  sign: /RequestTimeTooSkewed|RequestExpired/,
  code: 'clock-wrong',
  message: "This machine's clock is so far off that the storage refuses its requests.",
  exitCode: ExitCode.needsPerson,
  suggestions: ['Set date and time, best automatically, then: cloud bisync'],
};

const STORAGE_FULL = {
  code: 'storage-full',
  message: 'The cloud storage is full.',
  exitCode: ExitCode.failed,
  suggestions: ['Delete what is not needed there, or ask for more room; nothing here is lost.'],
};

/** Why rclone could not list both sides; the first row that fits. Nothing was changed in any case. */
const ROWS: readonly Row[] = [
  ACCESS_CHECK_FAILED,
  // Before the others with the same status, 403.
  CLOCK_WRONG,
  {
    sign: /InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|AccessDenied|StatusCode: 40[13]|Forbidden/,
    code: 'needs-login',
    message: STATE_MEANINGS['needs-login'].sentence,
    exitCode: ExitCode.auth,
    suggestions: ['cloud setup'],
  },
  {
    sign: /NoSuchBucket|bucket does not exist|directory not found.*path2/i,
    code: 'bucket-missing',
    message: 'The bucket does not exist any more; nothing was changed here.',
    exitCode: ExitCode.needsPerson,
    suggestions: ['cloud setup'],
  },
  {
    sign: /connection refused|connection reset|no such host|i\/o timeout|EOF|StatusCode: 5\d\d|SlowDown|InternalError|ServiceUnavailable|request send failed|deadline exceeded|network is unreachable|TLS handshake/,
    code: 'offline',
    message: STATE_MEANINGS.offline.sentence,
    exitCode: ExitCode.unreachable,
    suggestions: ['Nothing is lost; run `cloud bisync` again when it can be reached.'],
  },
  {
    sign: /no space left on device/,
    code: 'disk-full',
    message: 'No space left to compare both sides.',
    exitCode: ExitCode.failed,
    suggestions: ['Free some space and run this again; nothing was changed.'],
  },
  {
    sign: /file name too long/,
    code: 'path-too-long',
    message: 'The path of the synced folder is too long for rclone.',
    exitCode: ExitCode.usage,
    suggestions: ['Choose a folder nearer to the root: cloud bisync --path FOLDER'],
  },
  {
    sign: /unknown flag|unknown command|unknown shorthand/,
    code: 'rclone-unfit',
    message: 'This rclone does not know a flag that is needed.',
    exitCode: ExitCode.rclone,
    suggestions: ['cloud rclone install'],
  },
];

/** What a failed listing means for the person; `details.log` has rclone's last words. */
export function scanFailure(result: Pick<RunResult, 'exitCode' | 'tail'>): AbortError {
  const log = result.tail.slice(-8);
  const text = result.tail.map(withoutNames).join('\n');
  const row = ROWS.find(({ sign }) => sign.test(text));
  if (row === undefined) {
    return new AbortError('scan-failed', 'rclone could not list both sides; nothing was changed.', {
      suggestions: ['See the reason with: cloud bisync --verbose', ...log.slice(-2)],
      details: { exitCode: result.exitCode ?? null, log },
    });
  }
  return rowError(row, { log });
}

/**
 * rclone's own words: a file may be called `EOF Forbidden.md`. Names stand in quotation marks, after
 * the system call that failed on them, or at the end of a line about what bisync found.
 */
function withoutNames(line: string): string {
  if (/^- Path[12] /.test(line)) return '';
  return line
    .replace(/"(?:[^"\\]|\\.)*"/gs, '""')
    .replace(
      /\b(open|openat|l?stat|fstatat|read|readdirent|readlink|mkdir|rename|write) (?:\/|[A-Za-z]:\\).*: /g,
      '$1: ',
    );
}

/** A side has lost its check file, and nothing else has stopped the run. */
export function accessCheckFailed(): AbortError {
  return rowError(ACCESS_CHECK_FAILED, {});
}

function rowError(row: Omit<Row, 'sign'>, details: Record<string, unknown>): AbortError {
  const { code, message, exitCode, suggestions } = row;
  return new AbortError(code, message, { exitCode, suggestions, details });
}

/** A failure of our own requests that ends a run, in the same words. */
export function storageFailure(error: S3RequestError): AbortError {
  const details = { reason: error.message };
  if (error.clockRefused) return rowError(CLOCK_WRONG, details);
  if (error.storageFull) return rowError(STORAGE_FULL, details);
  const state: PairState =
    error.failure === 'denied' ? 'needs-login' : error.ambiguous ? 'offline' : 'error';
  const { sentence, nextStep, exitCode } = STATE_MEANINGS[state];
  return new AbortError(state === 'error' ? 'storage-failed' : state, sentence, {
    exitCode,
    suggestions: nextStep === undefined ? [] : [nextStep],
    details,
    cause: error,
  });
}
