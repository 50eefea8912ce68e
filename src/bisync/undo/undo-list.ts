import type { Host } from '../../platform/host.ts';
import { readActivity } from '../activity.ts';
import { readBaseline } from '../baseline-file.ts';
import { foldIn, readLeftovers } from '../recover.ts';
import { runsOnRecord, type RunOnRecord } from './changed-by-run.ts';
import { findRun } from './find-run.ts';
import { syncedPair, type FolderRequest } from './undo-context.ts';

/** A run that could be taken back. */
export interface UndoableRun {
  id: string;
  at: string;
  /** Null for single files that a watcher moved, for a choice, and for a run that was cut off. */
  command: string | null;
  changed: number;
  added: number;
  deleted: number;
  conflicts: number;
}

/** The newest first. Offline. @throws AbortError `not-set-up`, `never-synced` (10) */
export async function undoableRuns(
  request: Pick<FolderRequest, 'session' | 'path'> & { limit: number },
  host: Host,
): Promise<UndoableRun[]> {
  const pair = await syncedPair(request, host);
  const runs = runsOnRecord(await readActivity(pair.folder)).toReversed();
  return runs.slice(0, request.limit).map(summaryOf);
}

function summaryOf(run: RunOnRecord): UndoableRun {
  const { changes, conflicts } = run;
  const added = changes.filter(({ before }) => before === null).length;
  const deleted = changes.filter(({ after }) => after === null).length;
  const changed = changes.length - added - deleted;
  const counts = { changed, added, deleted, conflicts: conflicts.length };
  return { id: run.run, at: run.at, command: run.command ?? commandOf(run), ...counts };
}

/** What does not write down its end is known by what it did. */
function commandOf({ restored, of, resolved }: RunOnRecord): string | null {
  if (restored) return of === null ? 'cloud restore' : 'cloud undo';
  return resolved.length > 0 ? 'cloud conflicts resolve' : null;
}

export interface UndoOutlook {
  run: UndoableRun;
  /** It would remove so large a part of the files on both sides that a person should be asked. */
  removesMany: boolean;
}

/** One file may always go; beyond that, so many, or this share of all, is much. */
const MANY = { files: 100, percent: 25 };

/** What an undo would take back, by the record alone. Offline. @throws AbortError as `findRun` */
export async function undoOutlook(
  request: Pick<FolderRequest, 'session' | 'path'> & { run?: string | undefined },
  host: Host,
): Promise<UndoOutlook> {
  const { folder } = await syncedPair(request, host);
  const run = findRun(runsOnRecord(await readActivity(folder)), request.run);
  const stored = await readBaseline(folder);
  const entries = stored.state === 'present' ? stored.entries : new Map<string, never>();
  const agreed = foldIn(entries, (await readLeftovers(folder)).settled).size;
  const summary = summaryOf(run);
  const share = agreed === 0 ? 0 : (summary.added / agreed) * 100;
  const removesMany = summary.added > 1 && (summary.added > MANY.files || share > MANY.percent);
  return { run: summary, removesMany };
}
