import type { LockOwner } from '../platform/lock-held-error.ts';
import type { S3Client } from '../s3/client.ts';
import type { Fingerprint } from './local-file.ts';
import type { Activity } from './activity.ts';
import type { Journal } from './journal.ts';
import type { NameRules } from './name-rules.ts';
import type { NameWarning } from './judge-names.ts';
import type { Pair } from './pair.ts';
import type { Problem } from './problems.ts';
import type { Progress, ProgressMeter } from './progress.ts';
import type { ConflictStrategy } from './profiles.ts';
import type { SyncedRoot } from './synced-root.ts';
import type { Trash } from './trash.ts';
import type { BaselineEntry } from './versions.ts';

/** What a run reports while it goes on. Sizes in bytes. */
export type BisyncEvent =
  /** Another process is at work on this folder; it is waited for. */
  | { type: 'waiting'; owner: LockOwner | null }
  | { type: 'scanning'; runId: string; root: string; bucket: string }
  /** rclone could not list both sides, for this reason; they were listed without it. */
  | { type: 'without-rclone'; reason: string }
  /** Taken before a run that a person had to allow; `version` is null where it could not be. */
  | { type: 'snapshot'; name: string; version: string | null; reason: string | null }
  | { type: 'planned'; actions: number; bytes: number }
  /** Twice a second while files move. */
  | ({ type: 'progress' } & Progress)
  | { type: 'uploaded'; path: string; size: number }
  | { type: 'downloaded'; path: string; size: number }
  | { type: 'deleted'; path: string; side: 'local' | 'remote' }
  | ({ type: 'conflict' } & ConflictRecord)
  | ({ type: 'warning' } & NameWarning)
  | ({ type: 'problem' } & Problem);

/** Both sides had their own version; one keeps the name, the other is the copy. */
export interface ConflictRecord {
  path: string;
  /** Whose version keeps the name. */
  kept: 'local' | 'cloud';
  /** Path of the other version. */
  copy: string;
  /** Whether a person should still choose. */
  open: boolean;
}

/** A file that this run moved into the trash; a program may still have it open. */
export interface MovedAside {
  path: string;
  aside: string;
  fingerprint: Pick<Fingerprint, 'size' | 'modified'>;
}

/** What a run has done so far. */
export interface Tally {
  uploaded: number;
  downloaded: number;
  deletedLocal: number;
  deletedRemote: number;
  bytesUp: number;
  bytesDown: number;
  conflicts: ConflictRecord[];
  problems: Problem[];
  /** Which of them a person has been told. */
  told: Set<string>;
  warnings: NameWarning[];
  /** Paths that changed while the run went on; the next run has them. */
  movedOn: string[];
  /** The storage answered to none of what was tried. */
  unreachable: boolean;
  asides: MovedAside[];
  /** Conflict copies that exist on this side only so far. */
  newCopies: string[];
}

export function emptyTally(): Tally {
  return {
    ...{ uploaded: 0, downloaded: 0, deletedLocal: 0, deletedRemote: 0, bytesUp: 0, bytesDown: 0 },
    ...{
      conflicts: [],
      problems: [],
      told: new Set<string>(),
      warnings: [],
      movedOn: [],
      unreachable: false,
      asides: [],
      newCopies: [],
    },
  };
}

/** Everything that the execution of a plan works with. */
export interface RunContext {
  pair: Pair;
  root: SyncedRoot;
  runId: string;
  s3: S3Client;
  journal: Journal;
  activity: Activity;
  trash: Trash;
  strategy: ConflictStrategy;
  /** Whether the storage keeps conditions; where not, a copy is kept before each overwrite. */
  conditions: { writes: boolean; deletes: boolean };
  /** The access key may only read. */
  readOnly: boolean;
  /** Folder for private copies of files that are being uploaded. */
  copies: string;
  /** What the system here takes for a name. */
  names: NameRules;
  /** How conflict copies name this machine. */
  machine: string;
  now: () => number;
  wait: (ms: number) => Promise<void>;
  signal: AbortSignal | undefined;
  /** No new work is taken from then on. */
  stopping: AbortSignal | undefined;
  emit: (event: BisyncEvent) => void;
  progress: ProgressMeter;
  /** As agreed so far; settled paths change it. */
  baseline: Map<string, BaselineEntry>;
  tally: Tally;
  /** Paths in a row for which the storage did not answer. */
  cutOff: { inRow: number };
}

/**
 * Both sides agree on a path from here on: on the disk first, then in memory.
 *
 * @throws AbortError `halted-marker-missing` (78) when the local root is another folder by now
 */
export async function settle(
  run: RunContext,
  path: string,
  entry: BaselineEntry | null,
): Promise<void> {
  await run.root.check();
  await run.journal.write({ type: 'settled', path, entry });
  if (entry === null) run.baseline.delete(path);
  else run.baseline.set(path, entry);
}
