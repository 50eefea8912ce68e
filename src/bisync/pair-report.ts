import { join } from 'node:path';
import { isRunning } from '../platform/processes.ts';
import type { LockOwner } from '../platform/lock-held-error.ts';
import { readLockOwner } from '../platform/lock.ts';
import type { Host } from '../platform/host.ts';
import { readLastRun, type RunRecord } from './activity.ts';
import { readMemory } from './pair-memory.ts';
import { pairFolder, readPairs, readStatus } from './pair.ts';
import { STATE_MEANINGS, type PairState } from './states.ts';

/** How a folder pair stands, as far as its state folder knows. */
export interface PairReport {
  id: string | null;
  root: string;
  bucket: string | null;
  state: PairState;
  /** One sentence for people. */
  message: string;
  /** Since when, RFC 3339; null when never synced. */
  since: string | null;
  nextStep: string | null;
  /** The process that is at work on it now. */
  owner: LockOwner | null;
  openConflicts: number;
  lastRun: Omit<RunRecord, 'type'> | null;
}

/** All pairs of this machine. Reads only state files, so it is quick and never hangs. */
export async function pairReports(host: Host): Promise<PairReport[]> {
  const pairs = await readPairs(host);
  return Promise.all(
    pairs
      .sort((a, b) => (a.root < b.root ? -1 : 1))
      .map(async ({ id, root, bucket }): Promise<PairReport> => {
        const folder = pairFolder(host, id);
        const [status, memory, last] = await Promise.all([
          readStatus(folder),
          readMemory(folder),
          readLastRun(folder),
        ]);
        const owner = readLockOwner(join(folder, 'lock'));
        const state = status?.state ?? 'never-synced';
        return {
          ...{ id, root, bucket, state },
          message: status?.message ?? STATE_MEANINGS[state].sentence,
          since: status?.at ?? null,
          nextStep: nextStepOf(state, status?.planId),
          owner: owner !== undefined && isRunning(owner) ? owner : null,
          openConflicts: memory.openConflicts.length,
          lastRun: last === undefined ? null : withoutType(last),
        };
      }),
  );
}

/** A folder that setup arranged and nothing has synced yet. */
export function neverSynced(root: string): PairReport {
  const { sentence } = STATE_MEANINGS['never-synced'];
  return {
    ...{ id: null, root, bucket: null, state: 'never-synced', message: sentence, since: null },
    ...{ nextStep: nextStepOf('never-synced', undefined), owner: null },
    ...{ openConflicts: 0, lastRun: null },
  };
}

function nextStepOf(state: PairState, planId: string | undefined): string | null {
  if (planId !== undefined) return `cloud bisync --dry-run, then cloud bisync --approve ${planId}`;
  return STATE_MEANINGS[state].nextStep ?? null;
}

function withoutType({ type: _type, ...rest }: RunRecord): Omit<RunRecord, 'type'> {
  return rest;
}
