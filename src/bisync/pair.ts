import { createHash } from 'node:crypto';
import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as z from 'zod/mini';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { shellWord } from '../output/format.ts';
import {
  ensurePrivateFolder,
  isErrno,
  readTextIfExists,
  writeFileAtomic,
} from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { readLockOwner } from '../platform/lock.ts';
import { isRunning } from '../platform/processes.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { PAIR_STATES, STATE_MEANINGS, type PairState } from './states.ts';
import { isInside } from '../platform/paths.ts';

/** One local root and one bucket of one tenant. */
export interface Pair {
  /** Sixteen hex digits from root, tenant and bucket: the same again after the state was lost. */
  id: string;
  /** Absolute, without symlinks. */
  root: string;
  tenant: string;
  bucket: string;
  /** Where its baseline, journal, plans and lock are kept. */
  folder: string;
  /** Where its replaced and deleted files go, if they are on the same file system. */
  trash: string;
}

const pairSchema = z.object({
  id: z.string(),
  root: z.string(),
  tenant: z.string(),
  bucket: z.string(),
  /** What the marker in the folder says besides the id (marker.ts). */
  mark: z.string(),
  /** Whether the storage keeps conditions of writes, once probed; and where that was. */
  conditions: z.optional(
    z.object({ endpoint: z.string(), writes: z.boolean(), deletes: z.boolean() }),
  ),
});
export type PairRecord = z.infer<typeof pairSchema>;

const statusSchema = z.object({
  state: z.enum(PAIR_STATES),
  message: z.string(),
  at: z.string(),
  runId: z.optional(z.string()),
  /** The stored plan that waits for an approval. */
  planId: z.optional(z.string()),
});
export type PairStatus = z.infer<typeof statusSchema>;

/**
 * Finds the pair of a folder and a bucket. The folder is created when this pair is new.
 *
 * @throws AbortError `not-a-folder` (2), `folder-overlap` (2), `halted-marker-missing` (78)
 */
export async function openPair(
  host: Host,
  access: Pick<BucketAccess, 'tenant' | 'bucket'>,
  localRoot: string,
): Promise<Pair> {
  const wanted = resolve(localRoot);
  const pairs = await readPairs(host);
  const known = pairs.find((each) => each.root === wanted && each.bucket === access.bucket);
  // Before a folder is made there, and again below, where symlinks are resolved.
  refuseOverlap(
    host,
    wanted,
    pairs.filter((each) => each.root !== wanted),
  );
  const root = await existingRoot(wanted, known !== undefined);
  const tenant = access.tenant.id;
  const id = createHash('sha256')
    .update([root, tenant, access.bucket].join('\0'))
    .digest('hex')
    .slice(0, 16);
  refuseOverlap(
    host,
    root,
    pairs.filter((each) => each.id !== id),
  );
  const folder = pairFolder(host, id);
  await ensurePrivateFolder(folder);
  const trash = trashFolder(host, id);
  return { id, root, tenant, bucket: access.bucket, folder, trash };
}

async function existingRoot(path: string, known: boolean): Promise<string> {
  try {
    if (!known) await mkdir(path, { recursive: true });
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) {
      throw new AbortError('halted-marker-missing', `The synced folder ${path} is not there.`, {
        exitCode: ExitCode.needsPerson,
        suggestions: [
          'Is its disk mounted? Nothing was deleted in the bucket.',
          `If the folder is meant to start anew: mkdir -p ${shellWord(path)} && cloud bisync --resync`,
        ],
        details: { root: path },
      });
    }
    if (!isErrno(error, 'EEXIST', 'ENOTDIR')) throw error;
  }
  throw new AbortError('not-a-folder', `${path} is not a folder.`, {
    exitCode: ExitCode.usage,
    suggestions: ['Choose a folder: cloud bisync --path FOLDER'],
  });
}

/** Two pairs that share files would each see the other's moves as a person's edits. */
function refuseOverlap(host: Host, root: string, others: readonly PairRecord[]): void {
  const { config, state, data, cache } = host.places;
  const own = [config, state, data, cache].find((place) => isInside(root, place));
  const inOwn = [state, data, cache].find((place) => isInside(place, root));
  const other = others.find((each) => isInside(root, each.root) || isInside(each.root, root));
  const clash = own ?? inOwn ?? other?.root;
  if (clash === undefined) return;
  throw new AbortError('folder-overlap', `${root} overlaps ${clash}, which is in use.`, {
    exitCode: ExitCode.usage,
    suggestions: ['Choose a folder of its own: cloud bisync --path FOLDER'],
    details: { root, other: clash },
  });
}

/** Where the state of a pair is kept. */
export function pairFolder(host: Host, id: string): string {
  return join(host.places.state, 'pairs', id);
}

/** Where the replaced and deleted files of a pair go. */
export function trashFolder(host: Host, id: string): string {
  return join(host.places.data, 'trash', id);
}

/** All pairs of this machine; a record that cannot be read is left out. */
export async function readPairs(host: Host): Promise<PairRecord[]> {
  const folder = join(host.places.state, 'pairs');
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  const records = await Promise.all(names.map((name) => readRecord(join(folder, name))));
  return records.filter((record) => record !== undefined);
}

export async function readRecord(folder: string): Promise<PairRecord | undefined> {
  return parseJson(pairSchema, await readTextIfExists(recordPath(folder)));
}

export async function writeRecord(
  pair: Pair,
  { mark, conditions }: { mark: string; conditions: PairRecord['conditions'] },
): Promise<void> {
  const { id, root, tenant, bucket } = pair;
  const record: PairRecord = {
    ...{ id, root, tenant, bucket, mark },
    ...(conditions === undefined ? {} : { conditions }),
  };
  await writeFileAtomic(recordPath(pair.folder), `${JSON.stringify(record)}\n`);
}

/** From here on the pair counts as new. */
export function removeRecord(pair: Pair): Promise<void> {
  return rm(recordPath(pair.folder), { force: true });
}

function recordPath(folder: string): string {
  return join(folder, 'pair.json');
}

export async function writeStatus(
  pair: Pair,
  state: PairState,
  message: string,
  more: { at: number; runId?: string; planId?: string },
): Promise<void> {
  const status: PairStatus = { ...more, state, message, at: new Date(more.at).toISOString() };
  await writeFileAtomic(join(pair.folder, 'status.json'), `${JSON.stringify(status)}\n`);
}

/**
 * The pair's state as it is now. What a killed run left is not believed: a state that goes on needs
 * a live owner of the lock, and a live owner whose run has not written yet is still comparing.
 */
export async function readStatus(folder: string): Promise<PairStatus | undefined> {
  const status = await storedStatus(folder);
  const owner = readLockOwner(join(folder, 'lock'));
  if (owner !== undefined && isRunning(owner)) {
    if (status?.state === 'syncing' && status.at >= owner.since) return status;
    const { sentence } = STATE_MEANINGS.scanning;
    return { state: 'scanning', message: sentence, at: owner.since };
  }
  if (status?.state !== 'syncing' && status?.state !== 'scanning') return status;
  return { ...status, state: 'error', message: RUN_CUT_OFF };
}

/** The state as it was last written, for who holds the lock. */
export async function storedStatus(folder: string): Promise<PairStatus | undefined> {
  return parseJson(statusSchema, await readTextIfExists(join(folder, 'status.json')));
}

const RUN_CUT_OFF = 'The last run ended before its time; the next one goes on from there.';

export function removeFolder(pair: Pair, name: string): Promise<void> {
  return rm(join(pair.folder, name), { recursive: true, force: true });
}

/** An empty folder of this pair for one run. Those of earlier runs are removed with it. */
export async function freshFolder(pair: Pair, name: string): Promise<string> {
  const path = join(pair.folder, name);
  await removeFolder(pair, name);
  await ensurePrivateFolder(path);
  return path;
}

/** Undefined for what is not there, and for what is damaged. */
export function parseJson<T>(schema: z.ZodMiniType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
