import type { Host } from '../platform/host.ts';
import { inParallel } from '../platform/in-parallel.ts';
import { PARALLEL_REQUESTS } from '../s3/request.ts';
import type { S3Client } from '../s3/client.ts';
import { accessCheckFailed } from './endings.ts';
import type { LeftOut } from './filters/left-out.ts';
import { ACCESS_FILE } from './filters/own-files.ts';
import type { PathFilter } from './filters/path-filter.ts';
import { listOurselves, ListingAhead, versionsOf } from './own-listing.ts';
import type { ParsedListing } from './listing.ts';
import { listByRclone, type ListedByRclone, type RcloneListingOptions } from './rclone-listing.ts';
import { surveyFolder, type Survey } from './survey.ts';
import type { Version } from './versions.ts';

export interface ScanOptions extends RcloneListingOptions {
  /** Whether `.gitignore` files count as well. */
  gitignore: boolean;
  /** The check file must be on both sides, unless one of them is empty. */
  checkAccess: boolean;
  s3: S3Client;
}

export interface Scan {
  local: Map<string, Version>;
  remote: Map<string, Version>;
  /** What rclone cannot handle here and is therefore left alone on both sides. */
  leftOut: LeftOut[];
  /** What is synced at all; both listings are without what it ignores. */
  filter: PathFilter;
  /** Names that are no Unicode text, as rclone escapes them. */
  unreadableNames: string[];
  /** What of ours lies in the local root. */
  own: Pick<Survey, 'temporaries' | 'trashes' | 'disks'>;
  /** Why rclone could not do it, when it was done without. */
  withoutRclone: string | null;
  /** Whether the check file is on both sides. */
  accessFile: boolean;
}

const ATTEMPTS = 3;
const BACK_OFF_MS = 1000;

/**
 * Lists both sides as they are now, by rclone, whatever it takes: what is of the moment is tried
 * again, what cannot be read is left out, and without an rclone that can we do it ourselves.
 *
 * @throws AbortError with the state of the pair as its code: `offline` (5), `needs-login` (4),
 * `halted-marker-missing` (78) …; S3RequestError
 */
export async function scanBothSides(options: ScanOptions, host: Host): Promise<Scan> {
  const { root } = options.pair;
  const { gitignore, signal } = options;
  let survey = await surveyFolder(root, { tryToRead: false, gitignore });
  for (let attempt = 1; ; attempt += 1) {
    const ahead = new ListingAhead(options);
    const listing = await listByRclone(options, survey, host);
    if (!('remedy' in listing)) return scanListed(listing, ahead, survey, options);
    ahead.stop();
    const { remedy, error } = listing;
    if (remedy === 'stop' || remedy === 'renew-access') throw error;
    const last = attempt === ATTEMPTS;
    if (last && remedy === 'retry-later') throw error;
    if (last || remedy === 'list-ourselves') {
      return scanWithoutRclone(options, host, error.message);
    }
    if (remedy === 'retry-later') {
      await host.clock.sleep(BACK_OFF_MS * 3 ** (attempt - 1), signal);
    }
    // A file that vanished while it was being listed ends rclone too; then it is simply run again.
    survey = await surveyFolder(root, { tryToRead: remedy === 'leave-out', gitignore });
  }
}

/**
 * What rclone has listed, but the bucket as we have listed it meanwhile, with the ETags of objects
 * without an MD5: rclone lists none.
 */
async function scanListed(
  { local, remote }: ListedByRclone,
  ahead: ListingAhead,
  survey: Survey,
  options: ScanOptions,
): Promise<Scan> {
  const objects = await ahead.objects;
  options.signal?.throwIfAborted();
  const { baseline } = options;
  // Keys of a bucket are Unicode: only names here may be unreadable.
  const { files, unreadableNames } = local;
  const theirs =
    objects === undefined
      ? await listedObjects(await remote(), options)
      : versionsOf(objects, { ...survey, baseline });
  const found = { local: files, remote: theirs, unreadableNames };
  return scanOf(found, survey, { ...options, withoutRclone: null });
}

async function scanWithoutRclone(options: ScanOptions, host: Host, reason: string): Promise<Scan> {
  const { pair, gitignore, baseline, s3, signal } = options;
  const survey = await surveyFolder(pair.root, { tryToRead: true, gitignore });
  const { filter, leftOut } = survey;
  const wait = (ms: number): Promise<void> => host.clock.sleep(ms, signal);
  const { root } = pair;
  const found = await listOurselves({ root, s3, baseline, filter, leftOut, wait, signal });
  survey.leftOut.push(...found.leftOut);
  for (const { path } of found.leftOut) found.remote.delete(path);
  return scanOf(found, survey, { ...options, withoutRclone: reason });
}

function scanOf(
  { local, remote, unreadableNames }: Pick<Scan, 'local' | 'remote' | 'unreadableNames'>,
  { leftOut, filter, ...own }: Survey,
  { checkAccess, withoutRclone }: Pick<ScanOptions, 'checkAccess'> & Pick<Scan, 'withoutRclone'>,
): Scan {
  // An empty side is a guard's to judge, which says more.
  const isEmpty = local.size === 0 || remote.size === 0;
  const found = [local, remote].filter((files) => files.delete(ACCESS_FILE));
  const accessFile = found.length === 2;
  if (checkAccess && !accessFile && !isEmpty) throw accessCheckFailed();
  // rclone's rules mean the same, except where that would take too long to say.
  for (const files of [local, remote]) {
    for (const path of files.keys()) if (filter.ignores(path, 'file')) files.delete(path);
  }
  return { local, remote, leftOut, filter, own, unreadableNames, withoutRclone, accessFile };
}

/** Objects of multipart uploads have no MD5; their ETag tells whether they changed. */
async function listedObjects(
  { files: remote }: ParsedListing,
  { s3, signal }: ScanOptions,
): Promise<Map<string, Version>> {
  const unknown = [...remote].filter(([, version]) => version.md5 === null);
  await inParallel(unknown, PARALLEL_REQUESTS, async ([path, version]) => {
    const head = await s3.head(path, signal);
    if (head !== undefined) remote.set(path, { ...version, etag: head.etag });
  });
  return remote;
}
