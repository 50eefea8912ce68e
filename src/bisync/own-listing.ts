import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import { inParallel } from '../platform/in-parallel.ts';
import type { S3Client } from '../s3/client.ts';
import { S3RequestError } from '../s3/errors.ts';
import { splittingKeys } from '../s3/list-ranges.ts';
import type { ListedObject } from '../s3/list.ts';
import { leftOutTest, type LeftOut } from './filters/left-out.ts';
import { ACCESS_FILE } from './filters/own-files.ts';
import type { PathFilter } from './filters/path-filter.ts';
import { hashStable, type LocalVersion } from './local-file.ts';
import { PathProblem } from './problems.ts';
import { etagOf, type Baseline, type Version } from './versions.ts';

interface Sides {
  local: Map<string, Version>;
  remote: Map<string, Version>;
  /** What could not be read besides what was left out before. */
  leftOut: LeftOut[];
  unreadableNames: string[];
}

export interface OwnListingOptions {
  root: string;
  s3: S3Client;
  baseline: Baseline;
  filter: PathFilter;
  leftOut: readonly LeftOut[];
  wait: (ms: number) => Promise<void>;
  signal?: AbortSignal | undefined;
}

const PARALLEL_HASHES = 8;

/**
 * Lists both sides without rclone, for one that cannot: of a listing format that is not known here,
 * without a flag that is needed, or with a folder whose name or path it does not take. The same
 * rules and the same content as from rclone, so that a run under it keeps every promise.
 *
 * @throws S3RequestError
 */
export async function listOurselves(options: OwnListingOptions): Promise<Sides> {
  const [objects, local] = await Promise.all([listObjects(options), listLocal(options)]);
  return { remote: versionsOf(objects, options), ...local };
}

/** All objects; as many requests at once as the baseline says that there are pages. */
async function listObjects({
  s3,
  baseline,
  signal,
}: Pick<OwnListingOptions, 's3' | 'baseline' | 'signal'>): Promise<ListedObject[]> {
  const objects: ListedObject[] = [];
  const onPage = (page: readonly ListedObject[]): void => void objects.push(...page);
  await s3.listInParts(splittingKeys(baseline.keys()), onPage, signal);
  return objects;
}

/** A listing of the bucket that goes on while something else is done. */
export class ListingAhead {
  /** Undefined when the storage did not give it, or nobody wanted it any more. */
  readonly objects: Promise<ListedObject[] | undefined>;
  readonly #stop = new AbortController();

  constructor({ signal, ...options }: Pick<OwnListingOptions, 's3' | 'baseline' | 'signal'>) {
    const own = this.#stop.signal;
    const both = signal === undefined ? own : AbortSignal.any([signal, own]);
    this.objects = listObjects({ ...options, signal: both }).catch((error: unknown) => {
      if (both.aborted || error instanceof S3RequestError) return undefined;
      throw error;
    });
    // It is heard of by whoever waits for it.
    this.objects.catch(() => undefined);
  }

  stop(): void {
    this.#stop.abort();
  }
}

/** What of them is synced. An object with the agreed ETag is the agreed version. */
export function versionsOf(
  objects: readonly ListedObject[],
  { filter, leftOut, baseline }: Pick<OwnListingOptions, 'filter' | 'leftOut' | 'baseline'>,
): Map<string, Version> {
  const files = new Map<string, Version>();
  const isLeftOut = leftOutTest(leftOut);
  for (const { key, size, etag } of objects) {
    // A key that ends in a slash is the marker of a folder.
    if (key.endsWith('/') || isIgnored(key, filter) || isLeftOut(key)) continue;
    const agreed = baseline.get(key);
    const md5 =
      agreed !== undefined && etag === etagOf(agreed)
        ? agreed.md5
        : /^"([0-9a-f]{32})"$/.exec(etag)?.[1];
    files.set(key, md5 === undefined ? { size, md5: null, etag } : { size, md5 });
  }
  return files;
}

function isIgnored(path: string, filter: PathFilter): boolean {
  return path !== ACCESS_FILE && filter.ignores(path, 'file');
}

async function listLocal(options: OwnListingOptions): Promise<Omit<Sides, 'remote'>> {
  const found: Omit<Sides, 'remote'> = { local: new Map(), leftOut: [], unreadableNames: [] };
  const walk = { ...options, out: new Set(options.leftOut.map(({ path }) => path)) };
  const paths: string[] = [];
  await addPathsBelow(walk, '', { paths, unreadableNames: found.unreadableNames });
  await readFiles(paths, options, (path, version) => {
    if (version instanceof PathProblem) {
      found.leftOut.push({ path, folder: false, reason: 'unreadable' });
    } else found.local.set(path, { size: version.size, md5: version.md5 });
  });
  return found;
}

/** Reads files, several at once; those that are gone are not told of. */
export async function readFiles(
  paths: readonly string[],
  { root, wait, signal }: Pick<OwnListingOptions, 'root' | 'wait' | 'signal'>,
  onFile: (path: string, version: LocalVersion | PathProblem) => void,
): Promise<void> {
  await inParallel(paths, PARALLEL_HASHES, async (path) => {
    signal?.throwIfAborted();
    try {
      const version = await hashStable(join(root, path), wait);
      if (version !== undefined) onFile(path, version);
    } catch (error) {
      if (!(error instanceof PathProblem)) throw error;
      onFile(path, error);
    }
  });
}

async function addPathsBelow(
  walk: Pick<OwnListingOptions, 'root' | 'filter'> & { out: ReadonlySet<string> },
  folder: string,
  found: { paths: string[]; unreadableNames: string[] },
): Promise<void> {
  const { root, filter, out } = walk;
  for (const entry of await entriesOf(join(root, folder))) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const isFolder = entry.isDirectory();
    if (!isFolder && !entry.isFile()) continue;
    const ignored = isFolder ? filter.ignores(path, 'folder') : isIgnored(path, filter);
    if (ignored || out.has(path)) continue;
    if (!(await isNameAsRead(root, path))) found.unreadableNames.push(path);
    else if (isFolder) await addPathsBelow(walk, path, found);
    else found.paths.push(path);
  }
}

/**
 * Node puts U+FFFD for bytes that are no UTF-8, and then finds nothing under that name; a file may
 * also really be called so.
 */
async function isNameAsRead(root: string, path: string): Promise<boolean> {
  if (!path.includes('\ufffd')) return true;
  return lstat(join(root, path)).then(
    () => true,
    () => false,
  );
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
