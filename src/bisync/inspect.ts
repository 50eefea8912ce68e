import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { readLockOwner } from '../platform/lock.ts';
import type { LockOwner } from '../platform/lock-held-error.ts';
import { isRunning } from '../platform/processes.ts';
import { readBaseline } from './baseline-file.ts';
import { ACCESS_FILE } from './filters/own-files.ts';
import { isMarkerOf, readMarker } from './marker.ts';
import { readRecord, readStatus, type PairRecord, type PairStatus } from './pair.ts';
import { readMemory, type OpenConflict } from './pair-memory.ts';
import { isCutOff, readLeftovers } from './recover.ts';
import { runningWatcher } from './watch/watch-record.ts';

/** What a folder pair's state folder says; the synced folder itself is not touched. */
export interface PairInspection {
  /** Where its state is kept. */
  folder: string;
  /** Undefined when the file that says so is damaged or missing. */
  record: PairRecord | undefined;
  baseline: 'present' | 'missing' | 'damaged';
  /** How many files both sides agree on. */
  agreedFiles: number;
  /** The process that syncs it now, or watches it: then the journal is what has been settled so far. */
  owner: LockOwner | undefined;
  openConflicts: OpenConflict[];
  status: PairStatus | undefined;
}

/** All pairs of this machine, nothing changed and nothing asked of the network. */
export async function inspectPairs(host: Host): Promise<PairInspection[]> {
  const parent = join(host.places.state, 'pairs');
  let names: string[];
  try {
    names = await readdir(parent);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  return Promise.all(names.sort().map((name) => inspectPair(join(parent, name))));
}

async function inspectPair(folder: string): Promise<PairInspection> {
  const [record, stored, memory, status] = await Promise.all([
    readRecord(folder),
    readBaseline(folder),
    readMemory(folder),
    readStatus(folder),
  ]);
  return {
    ...{ folder, record, status },
    baseline: stored.state,
    agreedFiles: stored.state === 'present' ? stored.entries.size : 0,
    owner: ownerOf(folder),
    openConflicts: memory.openConflicts,
  };
}

/** A watcher holds the lock in slices only. */
function ownerOf(folder: string): LockOwner | undefined {
  const owner = readLockOwner(join(folder, 'lock'));
  if (owner !== undefined && isRunning(owner)) return owner;
  const watcher = runningWatcher(folder);
  return watcher && { ...watcher.process, command: watcher.command, since: watcher.at };
}

/** What the synced folder says about itself. Hangs where its file system does. */
export interface RootInspection {
  root: 'there' | 'missing' | 'not-a-folder';
  marker: 'ours' | 'missing' | 'of another pair';
  accessFile: boolean;
  /** Those of `openConflicts` whose copy and original are both still there. */
  openConflicts: OpenConflict[];
  /** A run or a watcher was cut off. A journal of what is settled, as a watcher leaves it, is none. */
  unfinished: boolean;
}

export async function inspectRoot(
  record: PairRecord,
  { folder, openConflicts }: Pick<PairInspection, 'folder' | 'openConflicts'>,
): Promise<RootInspection> {
  const { root } = record;
  const unfinished = await isCutOff(await readLeftovers(folder));
  const kind = await kindOf(root);
  if (kind !== 'folder') {
    const state = kind === 'missing' ? 'missing' : 'not-a-folder';
    return { root: state, marker: 'missing', accessFile: false, openConflicts: [], unfinished };
  }
  const marker = await readMarker(root);
  const still: OpenConflict[] = [];
  for (const conflict of openConflicts) {
    const both = [conflict.path, conflict.copy].map((path) => kindOf(join(root, path)));
    if (!(await Promise.all(both)).includes('missing')) still.push(conflict);
  }
  return {
    root: 'there',
    marker:
      marker === undefined ? 'missing' : isMarkerOf(marker, record) ? 'ours' : 'of another pair',
    accessFile: (await kindOf(join(root, ACCESS_FILE))) === 'other',
    openConflicts: still,
    unfinished,
  };
}

async function kindOf(path: string): Promise<'folder' | 'other' | 'missing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'other';
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'missing';
    throw error;
  }
}
