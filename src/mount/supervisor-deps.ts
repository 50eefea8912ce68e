import type { ErrorReport } from '../output/errors.ts';
import type { Log } from '../output/log.ts';
import type { BucketChanges } from './freshness.ts';
import type { KeySource } from './key-renewal.ts';
import type { MountRecord } from './record.ts';
import type { StartStep } from './start.ts';
import type { UnmountResult } from './unmount.ts';

/** What the process that started the supervisor hears. */
export type SupervisorReport =
  /** From now on the supervisor answers for the mount. */
  | { type: 'claimed' }
  | { type: 'step'; step: StartStep }
  | { type: 'mounted'; record: MountRecord }
  | { type: 'unmounted'; result: UnmountResult };

export interface SupervisorDeps {
  /** The stored keys, and keys that the server vouches for. */
  keys: KeySource;
  changes: BucketChanges;
  /** For errors that go to other processes. */
  reportOf: (error: unknown) => ErrorReport;
  log: Log;
  /** From `--rclone`. */
  rclonePath?: string | undefined;
  /** Aborted by SIGINT or SIGTERM: unmount in order. */
  signal: AbortSignal;
  report: (report: SupervisorReport) => void;
  /** How often the mount is looked after, in milliseconds. Default 5 seconds. */
  tickMs?: number;
}
