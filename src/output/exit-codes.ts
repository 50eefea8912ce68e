/** The promise to scripts: the same with and without `--json`, never reused. docs/exit-codes.md */
export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Finished, with open conflicts or files that were not synced. */
  incomplete: 3,
  /** Not signed in, expired or not allowed. */
  auth: 4,
  /** Network or server unreachable. */
  unreachable: 5,
  /** `check` found differences. */
  differences: 8,
  /** Nothing has been set up for this yet. */
  notSetUp: 10,
  /** Another process holds the lock. */
  locked: 11,
  /** rclone missing or unfit. */
  rclone: 12,
  mount: 13,
  /** A guard or the configuration needs a person (sysexits EX_CONFIG). */
  needsPerson: 78,
  unknownCommand: 127,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/**
 * What a background service is not started again after: trying again would not help, a person has to
 * do something first.
 */
export const WAITS_FOR_PERSON: readonly ExitCode[] = [
  ExitCode.usage,
  ExitCode.auth,
  ExitCode.notSetUp,
  ExitCode.rclone,
  ExitCode.needsPerson,
];
