import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { RunResult } from '../rclone/run.ts';
import { S3RequestError } from '../s3/errors.ts';
import { ACCESS_FILE } from './filters/own-files.ts';
import { PAIR_STATES, STATE_MEANINGS, type PairState } from './states.ts';

/** What is done about an ending, before a person hears of it. */
export type Remedy =
  /** Whatever it was, it was of this moment: once more. */
  | 'retry-now'
  /** The storage is overloaded or ill: with back-off, then as `offline`. */
  | 'retry-later'
  /** Something here cannot be read: it is left out and reported, the rest goes on. */
  | 'leave-out'
  /** The key is not accepted: another is asked for, once a run. */
  | 'renew-access'
  /** This rclone cannot do it at all: both sides are listed without it. */
  | 'list-ourselves'
  /** Nothing helps now. The next run goes on by itself, or a person is needed: the exit code says. */
  | 'stop';

export interface Ending {
  remedy: Remedy;
  /** In the words of a person, if the remedy does not help. Nothing was changed by what failed. */
  error: AbortError;
}

interface Row {
  remedy: Remedy;
  code: string;
  message: string;
  exitCode: ExitCode;
  suggestions: string[];
}

const ACCESS_CHECK_FAILED: Row = {
  remedy: 'stop',
  code: 'halted-marker-missing',
  message: `The check file ${ACCESS_FILE} is not the same on both sides; nothing was changed.`,
  exitCode: ExitCode.needsPerson,
  suggestions: [
    'Is it the right bucket and the right folder, and is the disk mounted?',
    'If it is, this keeps what both sides have and deletes nothing: cloud bisync --resync',
  ],
};

const CLOCK_WRONG: Row = {
  remedy: 'stop',
  code: 'clock-wrong',
  message: "This machine's clock is so far off that the storage refuses its requests.",
  exitCode: ExitCode.needsPerson,
  suggestions: ['Set date and time, best automatically, then: cloud bisync'],
};

const STORAGE_FULL: Row = {
  remedy: 'stop',
  code: 'storage-full',
  message: 'The cloud storage is full.',
  exitCode: ExitCode.failed,
  suggestions: ['Delete what is not needed there, or ask for more room; nothing here is lost.'],
};

const KEY_REFUSED: Row = {
  remedy: 'renew-access',
  code: 'needs-login',
  message: STATE_MEANINGS['needs-login'].sentence,
  exitCode: ExitCode.auth,
  suggestions: ['cloud setup'],
};

const BUCKET_MISSING: Row = {
  remedy: 'stop',
  code: 'bucket-missing',
  message: 'The bucket does not exist any more; nothing was changed here.',
  exitCode: ExitCode.needsPerson,
  suggestions: ['cloud setup'],
};

const UNREACHABLE: Row = {
  remedy: 'stop',
  code: 'offline',
  message: STATE_MEANINGS.offline.sentence,
  exitCode: ExitCode.unreachable,
  suggestions: ['Nothing is lost; try it again when it can be reached.'],
};

const OVERLOADED: Row = { ...UNREACHABLE, remedy: 'retry-later' };

const RCLONE_UNFIT: Row = {
  remedy: 'list-ourselves',
  code: 'rclone-unfit',
  message: 'This rclone is not one that we can work with.',
  exitCode: ExitCode.rclone,
  suggestions: ['cloud rclone install'],
};

const SCAN_FAILED: Row = {
  remedy: 'retry-now',
  code: 'scan-failed',
  message: 'rclone could not list both sides; nothing was changed.',
  exitCode: ExitCode.failed,
  suggestions: ['See the reason with: cloud bisync --verbose'],
};

/** An rclone that did not list both sides. */
export type FailedScan = Pick<RunResult, 'exitCode' | 'endedBy' | 'silent' | 'tail'>;

/** How rclone ended, its last words, and what that means; the first row that fits. */
const SCAN_ROWS: readonly [(scan: FailedScan, words: string) => boolean, Row][] = [
  // Killed, or stopped and killed by us: what it said before is not why.
  [(scan) => scan.silent || scan.endedBy !== undefined, SCAN_FAILED],
  // Before the others with the same status, 403.
  [said(/RequestTimeTooSkewed|RequestExpired/), CLOCK_WRONG],
  [
    said(
      /InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|AccessDenied|StatusCode: 40[13]|Forbidden/,
    ),
    KEY_REFUSED,
  ],
  [said(/NoSuchBucket|bucket does not exist|directory not found.*path2/i), BUCKET_MISSING],
  [
    said(/SlowDown|StatusCode: (?:5\d\d|429)|InternalError|ServiceUnavailable|TooManyRequests/),
    OVERLOADED,
  ],
  [said(/connection reset|i\/o timeout|EOF|deadline exceeded|broken pipe/), OVERLOADED],
  [
    said(
      /connection refused|no such host|network is unreachable|no route to host|TLS handshake|request send failed/,
    ),
    UNREACHABLE,
  ],
  [
    said(/no space left on device|disk quota exceeded/),
    {
      remedy: 'stop',
      code: 'disk-full',
      message: 'No space left to compare both sides.',
      exitCode: ExitCode.failed,
      suggestions: ['Free some space and run this again; nothing was changed.'],
    },
  ],
  [
    said(/file name too long/),
    {
      remedy: 'list-ourselves',
      code: 'path-too-long',
      message: 'The path of the synced folder is too long for rclone.',
      exitCode: ExitCode.usage,
      suggestions: ['Choose a folder nearer to the root: cloud bisync --path FOLDER'],
    },
  ],
  [said(/unknown flag|unknown command|unknown shorthand/), RCLONE_UNFIT],
  [
    said(
      /permission denied|no such file or directory|failed to open|input\/output error|is not a directory/i,
    ),
    { ...SCAN_FAILED, remedy: 'leave-out' },
  ],
];

/** What a failed listing asks for; `details.log` has rclone's last words. */
export function scanEnding(scan: FailedScan): Ending {
  const log = scan.tail.slice(-8);
  const words = scan.tail.map(withoutNames).join('\n');
  const row = SCAN_ROWS.find(([fits]) => fits(scan, words))?.[1] ?? SCAN_FAILED;
  const ending = endingOf(row, { exitCode: scan.exitCode ?? null, log });
  if (row.code === SCAN_FAILED.code) ending.error.suggestions.push(...log.slice(-2));
  return ending;
}

/** rclone has listed both sides, in a form that is not known here. */
export function unknownListing(error: Error): Ending {
  return endingOf(RCLONE_UNFIT, { reason: error.message });
}

function said(sign: RegExp): (scan: FailedScan, words: string) => boolean {
  return (_scan, words) => sign.test(words);
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

/** A failure of our own requests that ends a run, and what it asks for; the first row that fits. */
const STORAGE_ROWS: readonly [(error: S3RequestError) => boolean, Row][] = [
  [(error) => error.clockRefused, CLOCK_WRONG],
  [(error) => error.storageFull, STORAGE_FULL],
  [(error) => error.failure === 'denied', KEY_REFUSED],
  [(error) => error.s3Code === 'NoSuchBucket', BUCKET_MISSING],
  // Each request has been sent again with back-off by now.
  [(error) => error.ambiguous, UNREACHABLE],
];

const STORAGE_FAILED: Row = {
  remedy: 'stop',
  code: 'storage-failed',
  message: STATE_MEANINGS.error.sentence,
  exitCode: ExitCode.failed,
  suggestions: ['cloud bisync --verbose'],
};

export function storageEnding(error: S3RequestError): Ending {
  const row = STORAGE_ROWS.find(([fits]) => fits(error))?.[1] ?? STORAGE_FAILED;
  return endingOf(row, { reason: error.message }, error);
}

/** What ends a run, whatever it was, in the words of a person where we have some. */
export function endingOfRun(failure: unknown): { remedy: Remedy; error: unknown } {
  if (failure instanceof S3RequestError) return storageEnding(failure);
  const refused = failure instanceof AbortError && failure.code === KEY_REFUSED.code;
  return { remedy: refused ? 'renew-access' : 'stop', error: failure };
}

/** The state of a pair after what ended its run. */
export function stateAfter(failure: unknown): PairState {
  const code = failure instanceof AbortError ? failure.code : undefined;
  return PAIR_STATES.find((state) => state === code) ?? 'error';
}

/** A side has lost its check file, and nothing else has stopped the run. */
export function accessCheckFailed(): AbortError {
  return endingOf(ACCESS_CHECK_FAILED, {}).error;
}

function endingOf(row: Row, details: Record<string, unknown>, cause?: unknown): Ending {
  const { remedy, code, message, exitCode, suggestions } = row;
  const more = cause === undefined ? {} : { cause };
  const options = { exitCode, suggestions: [...suggestions], details, ...more };
  return { remedy, error: new AbortError(code, message, options) };
}
