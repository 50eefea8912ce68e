import { ExitCode } from './exit-codes.ts';

export interface AbortDetails {
  exitCode?: ExitCode;
  /** What to do, best first; commands to copy stand alone: `cloud login`. */
  suggestions?: string[];
  /** For programs: paths, ids, numbers. Never a secret. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** Something a person can put right. `code` is stable and kebab-case; the message is one sentence. */
export class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly suggestions: string[];
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, options: AbortDetails = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? ExitCode.failed;
    this.suggestions = options.suggestions ?? [];
    this.details = options.details ?? {};
  }
}

/** Something only we can put right: an assumption of ours does not hold. */
export class BugError extends Error {
  override readonly name = 'BugError';
}

/** The shape of an error for programs, on stderr under `--json`. */
export interface ErrorReport {
  code: string;
  message: string;
  exitCode: number;
  suggestions: string[];
  details: Record<string, unknown>;
}
