import type { Host } from '../platform/host.ts';
import type { BisyncOptions } from './options.ts';
import { storedStatus } from './pair.ts';
import { quickScan, recordOf } from './quick-scan.ts';
import type { Leftovers } from './recover.ts';
import type { Scan, ScanOptions } from './scan.ts';
import { fileSystemTime, writeStatRecord } from './stat-record.ts';

export interface TakenScan {
  scan: Scan;
  /** Keeps what is known by its stamp from now on; for a run that has come to its end. */
  remember: () => Promise<void>;
}

/**
 * Both sides as they are now: by a quick scan where the last run ended well and nothing is asked for
 * that wants more, else, and in any doubt of the quick one, by a full scan.
 *
 * @throws as `scanBothSides`
 */
export async function takeScan(
  options: ScanOptions & { settledMs?: number | undefined },
  { mayBeQuick, dryRun }: { mayBeQuick: boolean; dryRun: boolean },
  host: Host,
): Promise<TakenScan> {
  const { pair, settledMs } = options;
  const quick = mayBeQuick ? await quickScan(options, host) : undefined;
  if (quick !== undefined) {
    const { scan, record } = quick;
    const remember = async (): Promise<void> => {
      if (record !== undefined) await writeStatRecord(pair.folder, record);
    };
    return { scan, remember };
  }
  const comparedAt = host.clock.now();
  const since = dryRun ? undefined : await fileSystemTime(pair.root);
  // Most runs need nothing of what starts a process.
  const { scanBothSides } = await import('./scan.ts');
  const scan = await scanBothSides(options, host);
  if (dryRun) return { scan, remember: () => Promise.resolve() };
  // Now, because what the run will write has not been read as it will be.
  const record = await recordOf(pair.root, scan.local, since, { comparedAt, settledMs });
  return { scan, remember: () => writeStatRecord(pair.folder, record) };
}

/** Whether a run may begin with a quick scan: after a good end, with nothing left to put right. */
export async function mayBeQuick(
  options: Pick<BisyncOptions, 'dryRun' | 'resync' | 'approve' | 'full'>,
  pairFolder: string,
  { stored, leftovers }: { stored: object | undefined; leftovers: Leftovers },
): Promise<boolean> {
  const { dryRun, resync, approve, full } = options;
  const asksForMore = dryRun === true || resync === true || full === true || approve !== undefined;
  if (asksForMore || stored === undefined) return false;
  const { settled, attempts, placings, uploads, temporaries, asides } = leftovers;
  const maps = [settled, attempts, placings];
  const lists = [uploads, temporaries, asides];
  if (maps.some(({ size }) => size > 0) || lists.some(({ length }) => length > 0)) return false;
  const state = (await storedStatus(pairFolder))?.state;
  return state === 'idle' || state === 'conflicts';
}
