import { chmod, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../../platform/atomic-file.ts';
import type { ObjectHead } from '../../s3/client.ts';
import { moveAside, putBack } from '../aside.ts';
import { removeEmptied } from '../delete.ts';
import type { Bucket } from '../follow-bucket.ts';
import { hashStable, placeNew, temporaryBeside, type LocalVersion } from '../local-file.ts';
import { PathProblem } from '../problems.ts';
import type { RunContext } from '../run-context.ts';
import { isVersion } from '../upload.ts';
import type { BaselineEntry } from '../versions.ts';
import type { RecordedVersion } from './changed-by-run.ts';
import type { FoundVersion } from './earlier-versions.ts';

/** One path, as it should be now, and as both sides shall have it. */
export interface BringBack {
  path: string;
  /** What both sides have now; null: no such file. */
  expected: RecordedVersion | null;
  /** Null: it shall be gone. */
  wanted: FoundVersion | null;
  /** The run that is taken back. */
  of?: string | undefined;
}

interface Content {
  size: number;
  md5: string | null;
}

/** `already`: there is nothing to do. `why`: in a sentence, for what is left alone. */
export type Judgement = { local: LocalVersion | undefined } | 'already' | { why: string };

/**
 * Whether both sides still have what is expected, or what is wanted already, as after an undo that was
 * cut off. Changes nothing.
 *
 * @throws PathProblem, S3RequestError
 */
export async function judge(
  run: RunContext,
  path: string,
  { expected, wanted }: { expected: RecordedVersion | null; wanted: Content | null },
): Promise<Judgement> {
  const agreed = run.baseline.get(path);
  const local = await hashStable(await run.root.pathOf(path), run.wait);
  const head = await run.s3.head(path, run.signal);
  const isHere = (version: Content | null): boolean => isContent(local, version);
  const isThere = (version: Content | null): boolean => isObject(head, version, agreed);
  if (isContent(agreed, wanted) && isHere(wanted) && isThere(wanted)) return 'already';
  if (!isContent(agreed, expected)) return { why: `a later sync has changed ${path}` };
  if (!isHere(expected) && !isHere(wanted))
    return { why: `${path} has changes here that no sync has seen` };
  if (!isThere(expected) && !isThere(wanted))
    return { why: `${path} has changes in the cloud that no sync here has seen` };
  return { local };
}

function isContent(version: Content | undefined, wanted: Content | null): boolean {
  if (version === undefined || wanted === null) return version === undefined && wanted === null;
  return version.md5 === wanted.md5;
}

function isObject(
  head: ObjectHead | undefined,
  wanted: Content | null,
  agreed: BaselineEntry | undefined,
): boolean {
  if (head === undefined || wanted === null) return head === undefined && wanted === null;
  const { size, md5 } = wanted;
  if (md5 === null) return false;
  // The agreed entry knows the ETag of an object that has no MD5.
  return isVersion(head, agreed?.md5 === md5 ? agreed : { size, md5, etag: null });
}

/**
 * Makes the earlier version the present one: here as a person would, but with the present one in the
 * trash, and then in the bucket under the conditions of any upload. A kill in between leaves an edit,
 * or a delete, that the next run brings there.
 *
 * @param local what `judge` has just read
 * @returns whether the bucket has followed
 * @throws PathProblem when something changed just now; nothing is overwritten then
 */
export async function bringBack(
  run: RunContext,
  bucket: Bucket,
  { path, expected, wanted, of }: BringBack,
  local: LocalVersion | undefined,
): Promise<boolean> {
  if (!isContent(local, wanted)) {
    const { aside, after } =
      wanted === null
        ? await removeHere(run, path, local)
        : await placeHere(run, path, local, wanted);
    const more = { ...(aside !== undefined && { aside }), ...(of !== undefined && { of }) };
    run.activity.add({ type: 'restored', path, before: expected, after, ...more });
  }
  return wanted === null ? bucket.follow(null, path) : bucket.follow(path, null);
}

interface Placed {
  /** Where the replaced version lies. */
  aside: string | undefined;
  after: RecordedVersion | null;
}

async function removeHere(
  run: RunContext,
  path: string,
  local: LocalVersion | undefined,
): Promise<Placed> {
  const target = await run.root.pathOf(path);
  const aside = local && (await moveAside(run, path, target, local));
  if (aside === undefined) throw changedJustNow(path);
  await syncFolder(dirname(target));
  await run.journal.write({ type: 'aside-done', aside });
  await removeEmptied(run.pair.root, dirname(target));
  return { aside, after: null };
}

async function placeHere(
  run: RunContext,
  path: string,
  local: LocalVersion | undefined,
  wanted: FoundVersion,
): Promise<Placed> {
  const target = await run.root.pathOf(path, { createFolders: true });
  const temporary = temporaryBeside(target);
  await run.journal.write({ type: 'temporary', file: temporary });
  try {
    await wanted.write(temporary);
    const written = await hashStable(temporary, run.wait);
    if (written === undefined || (wanted.md5 !== null && written.md5 !== wanted.md5)) {
      throw new PathProblem('changing', `what was found of ${path} is another version by now`);
    }
    await run.root.check();
    const aside = await giveName(run, path, { target, temporary, local });
    return { aside, after: { size: written.size, md5: written.md5 } };
  } finally {
    await rm(temporary, { force: true });
  }
}

async function giveName(
  run: RunContext,
  path: string,
  at: { target: string; temporary: string; local: LocalVersion | undefined },
): Promise<string | undefined> {
  const { target, temporary, local } = at;
  const place = async (): Promise<void> => {
    if (!(await placeNew(temporary, target))) throw changedJustNow(path);
    await syncFolder(dirname(target));
  };
  if (local === undefined) {
    await place();
    return undefined;
  }
  const aside = await moveAside(run, path, target, local);
  if (aside === undefined) throw changedJustNow(path);
  try {
    await chmod(temporary, local.mode);
    await place();
  } catch (error) {
    await putBack(run, path, target, aside);
    throw error;
  }
  await run.journal.write({ type: 'aside-done', aside });
  return aside;
}

function changedJustNow(path: string): PathProblem {
  return new PathProblem('changing', `${path} was changed just now`);
}
