/** Why one path was not synced in this run, while the others were. */
export type ProblemReason =
  /** It was written to each time it was looked at. */
  | 'changing'
  | 'unreadable'
  /** Its key is absolute, holds `..` or an empty segment, or leads through a symlink. */
  | 'unsafe-path'
  /** Its name is no Unicode text. */
  | 'unreadable-name'
  /** Its name has characters that rclone cannot tell from others. */
  | 'unsupported-name'
  /** The system here, or the bucket, cannot hold its name or its path. */
  | 'unfit-name'
  /** The file system here takes another file's name for the same (case, Unicode form). */
  | 'name-collision'
  /** A file stands where a folder is needed, or the other way round. */
  | 'blocked'
  | 'disk-full'
  /** The access key may only read. */
  | 'read-only-key'
  /** The storage failed or cut the connection. */
  | 'storage'
  | 'failed';

export interface Problem {
  path: string;
  reason: ProblemReason;
  /** One sentence for people. */
  message: string;
}

/** Ends the work on one path; the run goes on with the next one. */
export class PathProblem extends Error {
  override readonly name = 'PathProblem';
  readonly reason: ProblemReason;
  constructor(reason: ProblemReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}
