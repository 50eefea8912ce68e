import { basename } from 'node:path';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { shellWord } from '../../output/format.ts';
import { isS3Failure } from '../../s3/errors.ts';
import { OWN_PREFIX } from '../filters/own-files.ts';
import { copyDurably, hashStable, type LocalVersion } from '../local-file.ts';
import { PathProblem } from '../problems.ts';
import type { RunContext } from '../run-context.ts';
import { EarlierVersions, type FoundVersion, type ListVersions } from './earlier-versions.ts';
import { trashFiles, type TrashFile } from './trash-files.ts';
import { pathInPair } from './undo-context.ts';

/** A time in the past, as a person says it: ago, or a moment. Milliseconds. */
export type PastTime = { agoMs: number } | { atMs: number };

export interface WhichVersion {
  /** A file, or with `at` a folder. */
  file: string;
  /** The version that was the present one then. */
  at?: PastTime | undefined;
  /** An id of `cloud history` or `cloud trash list`. */
  version?: string | undefined;
  /** Only what the trash has. */
  onlyTrash?: boolean;
  listVersions: ListVersions;
}

export interface FoundAt {
  path: string;
  /** What it is called below another folder. */
  below: string;
  version: FoundVersion;
}

/**
 * The versions that are meant: by id, by time, or the last one that differs from what is there now.
 *
 * @throws AbortError `no-version` (1), `no-such-version`, `bad-path` (2); S3RequestError
 */
export async function findVersions(run: RunContext, wanted: WhichVersion): Promise<FoundAt[]> {
  const path = pathInPair(run.pair.root, wanted.file);
  const earlier = new EarlierVersions(run, wanted.listVersions);
  const trash = (await trashFiles(run.pair)).filter(
    (file) => file.path === path || file.path.startsWith(`${path}/`),
  );
  const one = (version: FoundVersion): FoundAt[] => [{ path, below: basename(path), version }];
  if (wanted.version !== undefined) {
    return one(await byId(run, path, wanted, { earlier, trash }));
  }
  if (wanted.at !== undefined) return byTime(run, path, wanted.at, { earlier, trash });
  return one(await lastOther(run, path, wanted, { earlier, trash }));
}

interface Places {
  earlier: EarlierVersions;
  /** Of this path and below it, newest first. */
  trash: readonly TrashFile[];
}

async function byId(
  run: RunContext,
  path: string,
  { version: id = '', onlyTrash = false }: WhichVersion,
  { earlier, trash }: Places,
): Promise<FoundVersion> {
  const inTrash = trash.find((file) => file.path === path && file.id === id);
  if (inTrash !== undefined) return fromTrash(run, inTrash);
  const asked = !onlyTrash && /^\d{13,20}$/.test(id);
  const found = asked ? await askedAt(run, path, id, earlier) : undefined;
  if (found !== undefined && found !== 'keeps-none') return found;
  throw new AbortError('no-such-version', `There is no version ${id} of ${path}.`, {
    exitCode: ExitCode.usage,
    suggestions: [`Those that there are: cloud history ${shellWord(path)}`],
  });
}

async function byTime(
  run: RunContext,
  path: string,
  at: PastTime,
  { earlier, trash }: Places,
): Promise<FoundAt[]> {
  const here = 'agoMs' in at ? run.now() - at.agoMs : at.atMs;
  if (here > run.now()) {
    throw new AbortError('bad-value', 'That time has not come yet.', { exitCode: ExitCode.usage });
  }
  // The storage's clock is the one that counts there; `reach` has read it.
  const there = nanoseconds(here - likelySkew(run.s3.clockSkewMs ?? 0));
  const file = await askedAt(run, path, there, earlier);
  if (file === 'keeps-none') return byTrash(run, path, here, trash);
  if (file !== undefined) return [{ path, below: basename(path), version: file }];
  const found: FoundAt[] = [];
  for await (const { key } of run.s3.listAll(run.signal, { prefix: `${path}/`, at: there })) {
    if (isOwn(key)) continue;
    const version = await earlier.inCloudAt(key, there);
    if (version !== undefined) found.push({ path: key, below: key, version });
  }
  if (found.length > 0) return found;
  throw noVersion(path, `it was not in the bucket at ${new Date(here).toISOString()}`);
}

/** Of each path what went to the trash first after that time: until then it was the present one. */
async function byTrash(
  run: RunContext,
  path: string,
  at: number,
  trash: readonly TrashFile[],
): Promise<FoundAt[]> {
  const firstAfter = new Map<string, TrashFile>();
  // Newest first, so the last one that is later than the time stays.
  for (const file of trash) if (Date.parse(file.at) >= at) firstAfter.set(file.path, file);
  if (firstAfter.size === 0) {
    throw noVersion(path, 'the bucket keeps no versions, and the trash has none of that time');
  }
  return Promise.all(
    [...firstAfter.values()].map(async (file) => ({
      path: file.path,
      below: file.path === path ? basename(path) : file.path,
      version: await fromTrash(run, file),
    })),
  );
}

/** The version that was the present one most recently, except for the one that is. */
async function lastOther(
  run: RunContext,
  path: string,
  { listVersions, onlyTrash = false }: WhichVersion,
  { earlier, trash }: Places,
): Promise<FoundVersion> {
  const now = await presentVersion(run, path);
  const candidates: { until: number; open: () => Promise<FoundVersion | undefined> }[] = trash
    .filter((file) => file.path === path)
    .map((file) => ({ until: Date.parse(file.at), open: () => fromTrash(run, file) }));
  let refusal = 'neither the trash nor the bucket has one';
  if (onlyTrash) refusal = 'the trash has none';
  else {
    try {
      const { versions } = await listVersions(path);
      versions.forEach(({ version, deleted }, index) => {
        const next = versions[index - 1];
        const until = next === undefined ? Infinity : Date.parse(next.created_at);
        if (!deleted) candidates.push({ until, open: () => earlier.inCloudAt(path, version) });
      });
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      refusal = `it is not in the trash, and of the bucket: ${error.message.replace(/\.$/, '')}`;
    }
  }
  candidates.sort((a, b) => b.until - a.until);
  for (const { open } of candidates) {
    const version = await open();
    if (version !== undefined && version.md5 !== now?.md5) return version;
  }
  if (candidates.length === 0 && trash.length > 0) throw isFolder(path);
  throw noVersion(path, refusal);
}

async function presentVersion(run: RunContext, path: string): Promise<LocalVersion | undefined> {
  try {
    return await hashStable(await run.root.pathOf(path), run.wait);
  } catch (error) {
    if (!(error instanceof PathProblem && error.reason === 'blocked')) throw error;
    throw isFolder(path);
  }
}

function isFolder(path: string): AbortError {
  return new AbortError('bad-choice', `${path} is a folder; say as of when it is wanted.`, {
    exitCode: ExitCode.usage,
    suggestions: [`As it was two hours ago: cloud restore ${shellWord(path)} --at 2h`],
  });
}

async function fromTrash(run: RunContext, { file, size }: TrashFile): Promise<FoundVersion> {
  const md5 = (await hashStable(file, run.wait))?.md5 ?? null;
  return { from: 'trash', size, md5, write: (temporary) => copyDurably(file, temporary) };
}

/** A bucket that was made without snapshots refuses to be read as of a time. */
async function askedAt(
  run: RunContext,
  path: string,
  at: string,
  earlier: EarlierVersions,
): Promise<FoundVersion | 'keeps-none' | undefined> {
  try {
    return await earlier.inCloudAt(path, at);
  } catch (error) {
    run.signal?.throwIfAborted();
    if (isS3Failure(error, 'refused') && error.status === 400) return 'keeps-none';
    throw error;
  }
}

/** The storage tells whole seconds: up to one of them is no sign of a wrong clock. */
function likelySkew(ms: number): number {
  return ms >= 0 && ms <= 1000 ? 0 : ms - 500;
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms)) * 1_000_000n);
}

function isOwn(key: string): boolean {
  return key.split('/').some((name) => name.startsWith(OWN_PREFIX));
}

function noVersion(path: string, reason: string): AbortError {
  return new AbortError('no-version', `No earlier version of ${path}: ${reason}.`, {
    exitCode: ExitCode.failed,
    suggestions: [`What is known of it: cloud history ${shellWord(path)}`],
  });
}
