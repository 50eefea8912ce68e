import { lstat, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { isErrno } from '../platform/atomic-file.ts';
import { S3RequestError } from '../s3/errors.ts';
import { hashMoved, noteConflict, putBack } from './aside.ts';
import { readJournal } from './journal.ts';
import { fingerprintOf, isOneFile, isTemporaryName, regularFileAt } from './local-file.ts';
import { readMemory } from './pair-memory.ts';
import { PathProblem } from './problems.ts';
import { settle, type ConflictRecord, type RunContext } from './run-context.ts';
import type { BaselineEntry, Listing } from './versions.ts';

/** Content that an interrupted run sent, or was about to send, by path. */
export type Attempts = Map<string, { size: number; md5: string }>;

/** What the journal of an interrupted run says; nothing when the last run came to its end. */
export interface Leftovers {
  settled: Map<string, BaselineEntry | null>;
  attempts: Attempts;
  /** Uploads in parts that may still take room in the bucket. */
  uploads: { path: string; uploadId: string }[];
  /** Versions of the bucket that were about to get their name here, by path. */
  placings: Map<string, { temporary: string; changed: string; entry: BaselineEntry }>;
  /** Temporary files of ours that may still lie in the local root. */
  temporaries: string[];
  /** Files that may lie in the trash although they belong to their path. */
  asides: { path: string; aside: string; md5: string; agreed?: boolean | undefined }[];
  /** The last name that a file in the trash, or a temporary one, was about to get. */
  namings: Map<string, { aside: string; to: string; conflict?: ConflictRecord | undefined }>;
}

export async function readLeftovers(pairFolder: string): Promise<Leftovers> {
  const settled = new Map<string, BaselineEntry | null>();
  const attempts = new Map<string, { size: number; md5: string }>();
  const asides = new Map<string, Leftovers['asides'][number]>();
  const placings: Leftovers['placings'] = new Map();
  const namings: Leftovers['namings'] = new Map();
  const temporaries: string[] = [];
  const uploads: Leftovers['uploads'] = [];
  for (const record of await readJournal(pairFolder)) {
    switch (record.type) {
      case 'put':
        attempts.set(record.path, { size: record.size, md5: record.md5 });
        break;
      case 'upload':
        uploads.push(record);
        break;
      case 'temporary':
        temporaries.push(record.file);
        break;
      case 'placing':
        placings.set(record.path, record);
        break;
      case 'aside':
        asides.set(record.aside, record);
        break;
      case 'naming':
        namings.set(record.aside, record);
        break;
      case 'aside-done':
        asides.delete(record.aside);
        break;
      case 'settled':
        settled.set(record.path, record.entry);
        attempts.delete(record.path);
        placings.delete(record.path);
    }
  }
  return {
    ...{ settled, attempts, uploads, placings, temporaries, namings },
    asides: [...asides.values()],
  };
}

/**
 * A version of the bucket that had got its name when a crash came is agreed: whoever wrote there since
 * had it before them, and that is an edit and no conflict. Its temporary name shows it: both are names
 * of one file, or somebody's file has taken the one name since, and the ctime is another one. Without
 * that proof nothing is agreed, and where the file is gone neither, for that would make a delete of it.
 */
export async function adoptPlaced(
  run: RunContext,
  placings: Leftovers['placings'],
  { dryRun }: { dryRun: boolean },
): Promise<void> {
  for (const [path, { temporary, changed, entry }] of placings) {
    try {
      const ours = await fingerprintOf(temporary);
      const named = await fingerprintOf(await run.root.pathOf(path));
      if (ours === undefined || named === undefined) continue;
      if (!isOneFile(ours, named) && String(ours.changed) === changed) continue;
      if (dryRun) run.baseline.set(path, entry);
      else await settle(run, path, entry);
    } catch (error) {
      // Something else has its place by now.
      if (!(error instanceof PathProblem)) throw error;
    }
  }
}

/**
 * Ends what a crash left half-way in the local root: what had its name is agreed, our temporary files
 * go, and a file that was moved into the trash without its successor in place gets its name back. Doing it twice is as good
 * as once.
 */
export async function tidyLocalRoot(run: RunContext, leftovers: Leftovers): Promise<void> {
  // Before the temporary names go: they are the proof.
  await adoptPlaced(run, leftovers.placings, { dryRun: false });
  await removeTemporaries(leftovers.temporaries);
  for (const each of leftovers.asides) {
    const { path, aside } = each;
    try {
      if (await endNaming(run, each, leftovers.namings.get(aside))) continue;
      const target = await run.root.pathOf(path, { createFolders: true });
      // `putBack` leaves no record of the name that it gives.
      if (await endNaming(run, each, { to: target })) continue;
      if (!(await exists(target)) || (await isUnsynced(run, each))) {
        await putBack(run, path, target, aside);
      } else {
        // Or it would come back when somebody deletes the successor before a run comes to its end.
        await run.journal.write({ type: 'aside-done', aside });
      }
    } catch (error) {
      // Its folder has become something else meanwhile; the trash keeps the file.
      if (!(error instanceof PathProblem)) throw error;
    }
  }
  await noteForgotten(run, leftovers.namings);
}

/** Open conflicts that were met before a crash, and that nobody was told of. */
async function noteForgotten(run: RunContext, namings: Leftovers['namings']): Promise<void> {
  const open = [...namings.values()].filter(({ conflict }) => conflict?.open === true);
  if (open.length === 0) return;
  const { openConflicts } = await readMemory(run.pair.folder);
  const known = new Set(openConflicts.map(({ copy }) => copy));
  for (const { to, conflict } of open) {
    if (conflict === undefined || known.has(conflict.copy)) continue;
    if (await exists(to)) noteConflict(run, conflict);
  }
}

/**
 * A crash between a file's new name and the end of its old one in the trash leaves two names of one
 * file: what a program writes to one of two in the folder would be in both. The private one goes.
 *
 * @returns false when the file has no other name
 */
async function endNaming(
  run: RunContext,
  { path, aside }: Leftovers['asides'][number],
  naming: { to: string; conflict?: ConflictRecord | undefined } | undefined,
): Promise<boolean> {
  if (naming === undefined) return false;
  const { to, conflict } = naming;
  const [ours, named] = [await regularFileAt(aside), await regularFileAt(to)];
  if (ours === undefined || named === undefined || !isOneFile(ours, named)) return false;
  if (conflict !== undefined) {
    // The bucket's version was to have its name; that there is none is no delete.
    if (!(await exists(await run.root.pathOf(path)))) await settle(run, path, null);
    noteConflict(run, conflict);
  }
  await rm(aside);
  await run.journal.write({ type: 'aside-done', aside });
  return true;
}

/**
 * Whether a file in the trash was never agreed on: the loser of a conflict on its way to its copy, or
 * an edit in the last moment. The agreed version may stay there, as it would have: what has its name
 * now is its successor, or was written by somebody who saw no file there.
 */
async function isUnsynced(
  run: RunContext,
  { aside, md5, agreed }: Leftovers['asides'][number],
): Promise<boolean> {
  if (agreed === false) return true;
  const moved = await hashMoved(run, aside);
  return agreed === true && moved !== undefined && moved.md5 !== md5;
}

/** Frees what the parts of an interrupted upload take; as well as it goes, for nothing depends on it. */
export async function endUploads(run: RunContext, uploads: Leftovers['uploads']): Promise<void> {
  if (run.readOnly) return;
  for (const { path, uploadId } of uploads) {
    try {
      await run.s3.abortUpload(path, uploadId);
    } catch (error) {
      if (!(error instanceof S3RequestError)) throw error;
    }
  }
}

/** Temporary files of ours: what a person wrote is in the trash or where they left it. */
export async function removeTemporaries(files: readonly string[]): Promise<void> {
  for (const file of files) {
    if (!isTemporaryName(basename(file))) continue;
    try {
      await rm(file, { force: true });
    } catch (error) {
      if (!isErrno(error, 'ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR', 'EACCES', 'EPERM', 'EROFS'))
        throw error;
    }
  }
}

/** Whether something of a run that was cut off has to be ended, or found out, by the next one. */
export async function isCutOff(leftovers: Leftovers): Promise<boolean> {
  const { attempts, placings } = leftovers;
  if (attempts.size > 0 || (await misplacedPaths(leftovers)).length > 0) return true;
  for (const { temporary } of placings.values()) if (await exists(temporary)) return true;
  return false;
}

/** Paths whose file a crash left in the trash: they are missing in the local root, not deleted. */
export async function misplacedPaths({ asides }: Pick<Leftovers, 'asides'>): Promise<string[]> {
  const paths: string[] = [];
  for (const { path, aside } of asides) {
    if (await exists(aside)) paths.push(path);
  }
  return paths;
}

/** Folds what the interrupted run had settled into the baseline. */
export function foldIn(
  baseline: Map<string, BaselineEntry>,
  settled: Leftovers['settled'],
): Map<string, BaselineEntry> {
  for (const [path, entry] of settled) {
    if (entry === null) baseline.delete(path);
    else baseline.set(path, entry);
  }
  return baseline;
}

/**
 * An object with the content that an interrupted run was sending is our own write whose reply was
 * never seen: it is agreed, so that an edit since is an edit and no conflict. Where the file is gone
 * here nothing is agreed, for that would make a delete of it; the object comes back.
 */
export async function adoptAttempts(
  run: RunContext,
  attempts: Attempts,
  { local, remote, dryRun }: { local: Listing; remote: Listing; dryRun: boolean },
): Promise<void> {
  for (const [path, { size, md5 }] of attempts) {
    const now = remote.get(path);
    if (now?.size !== size || now.md5 !== md5 || !local.has(path)) continue;
    const entry = { size, md5, etag: null };
    if (dryRun) run.baseline.set(path, entry);
    else await settle(run, path, entry);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
