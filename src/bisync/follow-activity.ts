import type { Clock } from '../platform/clock.ts';
import { ActivityEnd, readActivity, type ActivityRecord } from './activity.ts';

export interface WantedActivity {
  /** How many at most. */
  limit: number;
  /** Comparisons of both sides as well, not only what they moved. */
  runs: boolean;
  /** A file, or a folder with all in it. */
  path: string | undefined;
}

/** How often the record is looked at, in milliseconds. */
const LOOK_EVERY_MS = 300;

/** The newest records, oldest first. */
export async function recentActivity(
  pairFolder: string,
  wanted: WantedActivity,
): Promise<ActivityRecord[]> {
  const all = (await readActivity(pairFolder)).filter((record) => isWanted(record, wanted));
  return wanted.limit === 0 ? [] : all.slice(-wanted.limit);
}

/** The newest records, and then each that comes, until `signal` is aborted. */
export async function* followActivity(
  pairFolder: string,
  wanted: WantedActivity,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<ActivityRecord, void> {
  const end = await ActivityEnd.find(pairFolder);
  yield* await recentActivity(pairFolder, wanted);
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    yield* (await end.added()).filter((record) => isWanted(record, wanted));
  }
}

function isWanted(record: ActivityRecord, { runs, path }: WantedActivity): boolean {
  if (record.type === 'run') return runs && path === undefined;
  if (path === undefined) return true;
  const folder = path.endsWith('/') ? path : `${path}/`;
  return [record.path, 'copy' in record ? record.copy : ''].some(
    (each) => each === path || each.startsWith(folder),
  );
}
