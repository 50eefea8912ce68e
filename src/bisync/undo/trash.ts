import { rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ExitCode } from '../../output/exit-codes.ts';
import type { Host } from '../../platform/host.ts';
import { lockPair } from '../pair-lock.ts';
import { readLeftovers } from '../recover.ts';
import { removeIfEmpty, timeOfRun, trashBoundsFrom, type TrashBounds } from '../trash-bounds.ts';
import { trashFiles, type TrashFile } from './trash-files.ts';
import { pathInPair, syncedPair, type FolderRequest } from './undo-context.ts';

export interface TrashList {
  root: string;
  /** Newest first. */
  files: TrashFile[];
  /** Of all that is in the trash, not only of what was asked for. */
  total: { files: number; bytes: number; oldest: string | null };
  bounds: TrashBounds;
}

/**
 * What syncing replaced and deleted here. Offline.
 *
 * @param request `file`: only of this file, or below this folder
 * @throws AbortError `not-set-up`, `never-synced` (10), `bad-path` (2)
 */
export async function listTrash(
  request: Pick<FolderRequest, 'session' | 'path'> & { file?: string | undefined },
  host: Host,
): Promise<TrashList> {
  const pair = await syncedPair(request, host);
  const all = await trashFiles(pair);
  const path = request.file === undefined ? undefined : pathInPair(pair.root, request.file);
  const files = all.filter(
    (file) => path === undefined || file.path === path || file.path.startsWith(`${path}/`),
  );
  return {
    ...{ root: pair.root, files, bounds: trashBoundsFrom(host.env) },
    total: { files: all.length, bytes: bytesOf(all), oldest: all.at(-1)?.at ?? null },
  };
}

export interface EmptiedTrash {
  root: string;
  removed: number;
  bytes: number;
  /** Of a run that was cut off, and of use to the next one. */
  kept: number;
  exitCode: ExitCode;
}

/**
 * Removes what is older than `olderThanMs` from the trash, for good. Under the lock of the pair, and never
 * what a run that was cut off has still to put back.
 *
 * @throws LockHeldError; AbortError as `listTrash`
 */
export async function emptyTrash(
  request: FolderRequest & { olderThanMs: number },
  host: Host,
): Promise<EmptiedTrash> {
  const pair = await syncedPair(request, host);
  const { clock } = host;
  const { signal } = request;
  const lock = await lockPair(pair, { command: 'cloud trash empty', clock, waitMs: 0, signal });
  try {
    const until = clock.now() - request.olderThanMs;
    const { asides } = await readLeftovers(pair.folder);
    const needed = new Set(asides.map(({ aside }) => aside));
    const old = (await trashFiles(pair)).filter(({ at }) => Date.parse(at) <= until);
    const going = old.filter(({ file }) => !needed.has(file));
    for (const { file } of going) {
      await rm(file, { force: true });
      await removeEmptiedRun(file);
    }
    const kept = old.length - going.length;
    const exitCode = kept === 0 ? ExitCode.ok : ExitCode.incomplete;
    return { root: pair.root, removed: going.length, bytes: bytesOf(going), kept, exitCode };
  } finally {
    lock.release();
  }
}

/** The folders of a run that are empty now, and then the trash itself; nothing above it. */
async function removeEmptiedRun(file: string): Promise<void> {
  for (let folder = dirname(file); await removeIfEmpty(folder); folder = dirname(folder)) {
    if (timeOfRun(basename(folder)) === undefined) continue;
    await removeIfEmpty(dirname(folder));
    return;
  }
}

function bytesOf(files: readonly TrashFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
