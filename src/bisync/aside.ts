import { lstat, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno, syncFolder } from '../platform/atomic-file.ts';
import {
  copyDurably,
  hashStable,
  placeNew,
  temporaryBeside,
  type LocalVersion,
} from './local-file.ts';
import { conflictPath } from './names.ts';
import { PathProblem } from './problems.ts';
import { problemOf, reportProblem } from './path-failure.ts';
import type { ConflictRecord, MovedAside, RunContext } from './run-context.ts';
import { isVersion } from './upload.ts';

/**
 * Moves the file, which was just read as `local`, into the trash. If somebody replaced it in
 * between, it is put back.
 *
 * @returns where it is now; undefined when it was not that version any more
 */
export async function moveAside(
  run: RunContext,
  path: string,
  target: string,
  local: LocalVersion,
): Promise<string | undefined> {
  const { md5 } = local;
  const agreed = run.baseline.get(path)?.md5 === md5;
  const aside = await run.trash.take(path, target, { md5, agreed }, run.journal);
  if (aside === undefined) return undefined;
  // By its content: there are programs that keep size and time of what they write into.
  const moved = await hashMoved(run, aside);
  if (moved?.md5 !== md5) {
    await putBack(run, path, target, aside);
    return undefined;
  }
  const { size, modified } = moved.fingerprint;
  run.tally.asides.push({ path, aside, fingerprint: { size, modified } });
  return aside;
}

/** What lies in the trash; undefined also when a program writes to it all the time. */
export async function hashMoved(run: RunContext, aside: string): Promise<LocalVersion | undefined> {
  try {
    return await hashStable(aside, run.wait);
  } catch (error) {
    if (error instanceof PathProblem) return undefined;
    throw error;
  }
}

/**
 * Undoes a move into the trash, if the file is still there. If the name is taken by now, the file
 * becomes a conflict copy. Its own name it gets without a word in the journal: a full disk there may be
 * why it comes back, and after a crash in between the next run knows where it belongs.
 */
export async function putBack(
  run: RunContext,
  path: string,
  target: string,
  aside: string,
): Promise<void> {
  if ((await statOf(aside)) === undefined) return;
  if (await placeNew(aside, target)) await syncFolder(dirname(target));
  else await keepAsConflictCopy(run, path, aside, { kept: 'local', open: true, from: 'local' });
  await run.journal.write({ type: 'aside-done', aside });
}

/**
 * Gives a file that lies in the trash a name, never over something; it is gone from the trash then.
 * The journal knows first: a crash in between leaves two names of one file.
 */
export async function nameAside(
  run: RunContext,
  aside: string,
  to: string,
  conflict?: ConflictRecord,
): Promise<boolean> {
  await run.journal.write({ type: 'naming', aside, to, ...(conflict && { conflict }) });
  return placeNew(aside, to);
}

/**
 * Gives a private file of ours the first free conflict name beside `path`, never over something. A
 * copy with the same content that is there already (from a run that was cut off) is taken instead.
 * The file is gone from its old place afterwards.
 *
 * @returns the copy's path in the pair, and whether the bucket has it already
 */
export async function keepAsConflictCopy(
  run: RunContext,
  path: string,
  file: string,
  about: Pick<ConflictRecord, 'kept' | 'open'> & { from: 'local' | 'cloud' },
): Promise<{ copy: string; synced: boolean }> {
  const content = await hashStable(file, run.wait);
  const { kept, open, from } = about;
  const machine = from === 'cloud' ? 'cloud' : run.machine;
  for (let number = 1; ; number += 1) {
    const copy = conflictPath(path, machine, run.now(), number);
    const target = await run.root.pathOf(copy, { createFolders: true });
    const head = from === 'cloud' ? await run.s3.head(copy, run.signal) : undefined;
    const synced = head !== undefined && content !== undefined && isVersion(head, content);
    // Other devices name their copies of the cloud's version alike.
    if (head !== undefined && !synced) continue;
    const record: ConflictRecord = { path, copy, kept, open };
    if (await nameAside(run, file, target, record)) await syncFolder(dirname(target));
    else if ((await hashStable(target, run.wait))?.md5 === content?.md5) await rm(file);
    else continue;
    noteConflict(run, record);
    if (!synced) run.tally.newCopies.push(copy);
    return { copy, synced };
  }
}

/** A conflict that was met again after a crash counts once. */
export function noteConflict(run: RunContext, record: ConflictRecord): void {
  const { conflicts } = run.tally;
  if (conflicts.some(({ path, copy }) => path === record.path && copy === record.copy)) return;
  conflicts.push(record);
  run.emit({ type: 'conflict', ...record });
  run.activity.add({ type: 'conflict', ...record });
}

/**
 * Looks again at the files that went into the trash: a program that still had one open may have
 * written to it since. What it wrote becomes a conflict copy beside the path; the trash keeps its
 * file too.
 */
export async function rescueLateWrites(
  run: RunContext,
  asides: readonly MovedAside[],
): Promise<void> {
  for (const moved of asides) {
    try {
      await rescueLateWrite(run, moved);
    } catch (error) {
      run.signal?.throwIfAborted();
      const { path, reason, message } = problemOf(moved.path, error);
      // The next run looks at it again.
      if (!run.tally.asides.includes(moved)) run.tally.asides.push(moved);
      const where = `what a program wrote late to ${path} is kept in ${moved.aside}`;
      reportProblem(run, { path, reason, message: `${where}: ${message}` });
    }
  }
}

async function rescueLateWrite(run: RunContext, moved: MovedAside): Promise<void> {
  const { path, aside, fingerprint } = moved;
  const now = await statOf(aside);
  if (now === undefined) return;
  if (now.size === fingerprint.size && now.modified === fingerprint.modified) return;
  const target = await run.root.pathOf(path, { createFolders: true });
  const temporary = temporaryBeside(target);
  await run.journal.write({ type: 'temporary', file: temporary });
  try {
    await copyDurably(aside, temporary);
    await keepAsConflictCopy(run, path, temporary, { kept: 'cloud', open: true, from: 'local' });
  } finally {
    await rm(temporary, { force: true }).catch(ignoreMissingFolder);
  }
  // What it held before the copy was made is rescued; only a later write is a new one.
  moved.fingerprint = now;
}

/** `rm` with `force` minds a folder that has become a file. */
function ignoreMissingFolder(error: unknown): void {
  if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
}

async function statOf(file: string): Promise<MovedAside['fingerprint'] | undefined> {
  try {
    const entry = await lstat(file, { bigint: true });
    return { size: entry.size, modified: entry.mtimeNs };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
