import { join } from 'node:path';
import type { Host } from '../platform/host.ts';
import { ACCESS_FILE } from './filters/own-files.ts';
import { ListingAhead, readFiles, versionsOf, type OwnListingOptions } from './own-listing.ts';
import { PathProblem } from './problems.ts';
import type { Scan, ScanOptions } from './scan.ts';
import {
  fileSystemTime,
  isSettled,
  readStatRecord,
  SETTLED_MS,
  stampFrom,
  stampOf,
  type FileSystemTime,
  type StampedFile,
  type StatRecord,
} from './stat-record.ts';
import { surveyFolder, type Survey } from './survey.ts';
import type { Baseline, Listing, Version } from './versions.ts';

/** Both sides without rclone and without reading what is known by its stamp. */
export interface QuickScan {
  scan: Scan;
  /** What was read this time and is known by its stamp from now on; undefined: nothing more. */
  record: StatRecord | undefined;
}

export type QuickScanOptions = Pick<
  ScanOptions,
  'pair' | 'baseline' | 's3' | 'gitignore' | 'checkAccess' | 'signal'
> & { settledMs?: number | undefined };

/** After this long everything is read once more, whatever the stamps say. */
const COMPARE_EVERY_MS = 24 * 3_600_000;
/** With more than this to read rclone is faster. */
const MAX_READ = { files: 1000, bytes: 256 * 1024 ** 2 };

/**
 * Lists both sides as a full scan would, in a fraction of its time: the bucket in ranges at once, and
 * of the folder only what the stat record does not know (ADR 12).
 *
 * @returns undefined in any doubt: then a full scan is due
 */
export async function quickScan(
  options: QuickScanOptions,
  host: Host,
): Promise<QuickScan | undefined> {
  const { pair, baseline, s3, signal } = options;
  const record = await readStatRecord(pair.folder);
  const age = record === undefined ? Infinity : host.clock.now() - record.comparedAt;
  if (record === undefined || age < 0 || age >= COMPARE_EVERY_MS) return undefined;
  const listing = new ListingAhead({ s3, baseline, signal });
  try {
    const local = await localSide(options, record, host);
    if (local === undefined) return undefined;
    const objects = await listing.objects;
    signal?.throwIfAborted();
    if (objects === undefined) return undefined;
    const { survey, files } = local;
    const remote = versionsOf(objects, { ...survey, baseline });
    const scan = scanFrom(survey, files, remote, options);
    return scan === undefined ? undefined : { scan, record: local.record };
  } finally {
    listing.stop();
  }
}

function scanFrom(
  { filter, leftOut, temporaries, trashes, disks }: Survey,
  local: Map<string, Version>,
  remote: Map<string, Version>,
  { pair, baseline, checkAccess }: QuickScanOptions,
): Scan | undefined {
  const inBucket = remote.delete(ACCESS_FILE);
  const accessFile = inBucket && stampOf(join(pair.root, ACCESS_FILE)) !== undefined;
  if (checkAccess && !accessFile) return undefined;
  if (isUnusual(baseline, local, remote)) return undefined;
  return {
    ...{ local, remote, filter, leftOut, accessFile },
    ...{ own: { temporaries, trashes, disks }, unreadableNames: [], withoutRclone: null },
  };
}

/** Much that is gone. */
function isUnusual(baseline: Baseline, local: Listing, remote: Listing): boolean {
  let gone = 0;
  for (const path of baseline.keys()) {
    if (!remote.has(path) || !local.has(path)) gone += 1;
  }
  const empty = local.size === 0 || remote.size === 0;
  return gone > Math.max(10, baseline.size / 100) || (empty && baseline.size > 0);
}

interface LocalSide {
  survey: Survey;
  files: Map<string, Version>;
  record: StatRecord | undefined;
}

async function localSide(
  { pair: { root }, gitignore, signal, settledMs }: QuickScanOptions,
  known: StatRecord,
  host: Host,
): Promise<LocalSide | undefined> {
  const files = new Map<string, Version>();
  const unknown: string[] = [];
  const record: StatRecord = { ...known, files: new Map() };
  let [bytes, odd] = [0, false];
  const onFile = (path: string): void => {
    const now = stampOf(join(root, path));
    const before = known.files.get(path);
    if (now !== undefined && now.stamp === before?.stamp) {
      files.set(path, { size: now.size, md5: before.md5 });
      record.files.set(path, before);
      return;
    }
    unknown.push(path);
    bytes += now?.size ?? 0;
    // It has just gone, or its name is not what could be read of it.
    odd ||= now === undefined;
  };
  const survey = await surveyFolder(root, { tryToRead: false, gitignore, onFile });
  if (odd || survey.leftOut.length > 0) return undefined;
  if (unknown.length === 0) return { survey, files, record: undefined };
  if (unknown.length > MAX_READ.files || bytes > MAX_READ.bytes) return undefined;
  const since = await fileSystemTime(root);
  const wait = (ms: number): Promise<void> => host.clock.sleep(ms, signal);
  const before = record.files.size;
  const problem = await readUnknown(unknown, { root, wait, signal }, (path, version, file) => {
    files.set(path, version);
    if (since === undefined || !isSettled(file, since, settledMs ?? SETTLED_MS)) return;
    record.files.set(path, { stamp: file.stamp, md5: file.md5 });
  });
  if (problem) return undefined;
  return { survey, files, record: record.files.size > before ? record : undefined };
}

/** @returns whether one of them could not be read as one version */
async function readUnknown(
  paths: readonly string[],
  around: Pick<OwnListingOptions, 'root' | 'wait' | 'signal'>,
  onFile: (path: string, version: Version, file: StampedFile & { md5: string }) => void,
): Promise<boolean> {
  let problem = false;
  await readFiles(paths, around, (path, read) => {
    if (read instanceof PathProblem) {
      problem = true;
      return;
    }
    const { size, md5, fingerprint } = read;
    const { device, changed } = fingerprint;
    onFile(path, { size, md5 }, { stamp: stampFrom(fingerprint), size, device, changed, md5 });
  });
  return problem;
}

/**
 * What is known by its stamp after a full scan, which read every file at `since` or later. To be
 * written when the run that it was for has come to its end.
 */
export async function recordOf(
  root: string,
  local: Listing,
  since: FileSystemTime | undefined,
  { comparedAt, settledMs = SETTLED_MS }: { comparedAt: number; settledMs?: number | undefined },
): Promise<StatRecord> {
  const files: StatRecord['files'] = new Map();
  let looked = 0;
  for (const [path, { size, md5 }] of since === undefined ? [] : local) {
    // A signal must not wait until all of a million files have been looked at.
    if ((looked += 1) % 5000 === 0) await new Promise(setImmediate);
    const now = stampOf(join(root, path));
    if (md5 === null || now?.size !== size || since === undefined) continue;
    if (isSettled(now, since, settledMs)) files.set(path, { stamp: now.stamp, md5 });
  }
  return { comparedAt, files };
}
