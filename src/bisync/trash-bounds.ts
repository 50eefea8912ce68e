import { lstat, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { isErrno } from '../platform/atomic-file.ts';
import { writeMemory, type PairMemory } from './pair-memory.ts';
import type { RunContext } from './run-context.ts';

/** How long and how much of what syncing replaced or deleted here is kept. */
export interface TrashBounds {
  maxAgeMs: number;
  /** Beyond this the oldest goes first, in bytes. What is younger than a day always stays. */
  maxBytes: number;
}

const DAY_MS = 24 * 3_600_000;
const DEFAULT_TRASH_BOUNDS: TrashBounds = {
  maxAgeMs: 30 * DAY_MS,
  maxBytes: 10 * 1024 ** 3,
};

/**
 * The bounds that `CLOUD_TRASH_DAYS` and `CLOUD_TRASH_MB` ask for.
 *
 * @throws AbortError `bad-value` (2)
 */
export function trashBoundsFrom(env: NodeJS.ProcessEnv): TrashBounds {
  const { maxAgeMs, maxBytes } = DEFAULT_TRASH_BOUNDS;
  const days = numberFrom(env, 'CLOUD_TRASH_DAYS');
  const megabytes = numberFrom(env, 'CLOUD_TRASH_MB');
  return {
    maxAgeMs: days === undefined ? maxAgeMs : days * DAY_MS,
    maxBytes: megabytes === undefined ? maxBytes : megabytes * 1024 ** 2,
  };
}

function numberFrom(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new AbortError('bad-value', `${name} must be a whole number, not ${text}.`, {
    exitCode: ExitCode.usage,
  });
}

/**
 * Looks through the trash, once a day or when this run has put something there. Nothing since the
 * first open conflict or since the last run that may still be written into goes.
 */
export async function tidyTrash(
  run: RunContext,
  memory: PairMemory,
  besideFiles: readonly string[],
  bounds: TrashBounds = DEFAULT_TRASH_BOUNDS,
): Promise<void> {
  const now = run.now();
  const last = Date.parse(memory.trashBoundedAt ?? '');
  if (memory.asides.length === 0 && now - last < DAY_MS) return;
  const conflicts = memory.openConflicts.map(({ at }) => {
    const began = Date.parse(at);
    // Of one that began who knows when everything may be needed.
    return Number.isNaN(began) ? -Infinity : began - DAY_MS;
  });
  const since = Math.min(timeOfRun(run.runId) ?? now, ...conflicts);
  await boundTrash([run.pair.trash, ...besideFiles], bounds, { now, since });
  const trashBoundedAt = new Date(now).toISOString();
  await writeMemory(run.pair.folder, { ...memory, trashBoundedAt });
}

interface RunFolder {
  path: string;
  at: number;
  bytes: number;
}

/**
 * Empties the trash of runs that are too old, and of the oldest while it is too large. Everything
 * since `since` stays: what a run or an open conflict may still need.
 *
 * @param folders trash folders, each with a folder for each run in it
 * @returns how many runs' folders were removed
 */
export async function boundTrash(
  folders: readonly string[],
  bounds: TrashBounds,
  { now, since }: { now: number; since: number },
): Promise<number> {
  const runs = (await Promise.all(folders.map(runFolders))).flat();
  runs.sort((a, b) => a.at - b.at);
  let total = runs.reduce((sum, { bytes }) => sum + bytes, 0);
  let removed = 0;
  for (const run of runs) {
    const age = now - run.at;
    const tooMuch = total > bounds.maxBytes && age > DAY_MS;
    if (run.at >= since || !(age > bounds.maxAgeMs || tooMuch)) continue;
    await rm(run.path, { recursive: true, force: true });
    total -= run.bytes;
    removed += 1;
  }
  for (const folder of folders) await removeIfEmpty(folder);
  return removed;
}

async function runFolders(folder: string): Promise<RunFolder[]> {
  const found: RunFolder[] = [];
  for (const name of await namesIn(folder)) {
    const at = timeOfRun(name);
    // What is not of a run of ours is not ours to remove.
    if (at === undefined) continue;
    const path = join(folder, name);
    found.push({ path, at, bytes: await bytesIn(path) });
  }
  return found;
}

/** When a run began, from its id (`20261122T091500123Z-ab12cd`); undefined when it is none. */
export function timeOfRun(runId: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-[0-9a-f]{6}$/.exec(runId);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, ms] = match;
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  return Number.isNaN(at) ? undefined : at;
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let sum = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const stat = await lstat(join(entry.parentPath, entry.name)).catch(() => undefined);
    sum += stat?.size ?? 0;
  }
  return sum;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

/** @returns whether it is gone */
export async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST', 'EACCES', 'EPERM', 'EBUSY')) {
      throw error;
    }
    return false;
  }
}
