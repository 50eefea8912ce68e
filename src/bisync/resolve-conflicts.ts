import { dirname } from 'node:path';
import { ExitCode } from '../output/exit-codes.ts';
import { syncFolder } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import type { S3Client } from '../s3/client.ts';
import { moveAside, nameAside, putBack } from './aside.ts';
import { mustBeKnown } from './check.ts';
import { chosenConflicts } from './choose-conflicts.ts';
import { listConflicts, lookAgain, type FileConflict } from './conflict-list.ts';
import { hashStable } from './local-file.ts';
import { keptPath, machineName, originalOfConflict } from './names.ts';
import { Bucket } from './follow-bucket.ts';
import type { BisyncOptions } from './options.ts';
import { workOnPair } from './pair-work.ts';
import { storedStatus, writeStatus } from './pair.ts';
import type { OpenConflict, PairMemory } from './pair-memory.ts';
import { problemOf } from './path-failure.ts';
import { PathProblem, type Problem } from './problems.ts';
import type { RunContext } from './run-context.ts';

export const KEEP = ['local', 'cloud', 'both', 'newer'] as const;
export type Keep = (typeof KEEP)[number];

export interface Resolved {
  path: string;
  copy: string;
  /** Whose version has the name now; `both`: the copy stays too, as `other`. */
  kept: 'local' | 'cloud' | 'both';
  other: string | null;
  /** Whether the bucket has it already; otherwise the next run brings it there. */
  synced: boolean;
}

export interface ResolveResult {
  root: string;
  exitCode: ExitCode;
  resolved: Resolved[];
  /** Conflicts that could not be resolved now; nothing of them was changed. */
  problems: Problem[];
  openConflicts: number;
}

export interface ResolveRequest extends Pick<
  BisyncOptions,
  'access' | 'renewAccess' | 'localRoot' | 'gitignore' | 'waitMs' | 'signal'
> {
  /** Paths of files or of their copies; `all`: every conflict. */
  paths: readonly string[] | 'all';
  keep: Keep;
}

/**
 * Gives one version of a conflict the name and moves the other into the trash, or keeps both under
 * plain names. What counts is what lies on the disk now, under the lock of the pair. The bucket
 * follows at once where it can be reached, by conditional writes; the next run does the rest.
 *
 * @throws AbortError `no-conflict`, `several-conflicts` (2), `never-synced` (10),
 * `halted-marker-missing` (78)
 * @throws LockHeldError
 */
export async function resolveConflicts(
  request: ResolveRequest,
  host: Host,
  deps: { s3?: S3Client } = {},
): Promise<ResolveResult> {
  const { access, localRoot, keep, paths, gitignore, waitMs, signal } = request;
  await mustBeKnown(localRoot, access.bucket, host);
  const options = { access, localRoot, waitMs, signal, command: 'cloud conflicts resolve' };
  const work = async (run: RunContext, memory: PairMemory): Promise<Worked> => {
    const { root } = run.pair;
    const openBefore = new Map(memory.openConflicts.map((each) => [each.copy, each]));
    const all = await listConflicts(root, memory.openConflicts, gitignore === true);
    const { chosen, unclear } = await chosenConflicts(root, all, paths, keep);
    const resolved: Resolved[] = [];
    const problems: Problem[] = severalCopies(unclear);
    const bucket = new Bucket(run, request);
    for (const conflict of chosen) {
      try {
        const known = openBefore.get(conflict.copy);
        resolved.push(await resolveOne(run, conflict, { keep, bucket, known }));
      } catch (error) {
        signal?.throwIfAborted();
        problems.push(problemOf(conflict.path, error));
      }
    }
    const ended = new Set(resolved.map(({ copy }) => copy));
    const openConflicts = memory.openConflicts.filter(({ copy }) => !ended.has(copy));
    await endState(run, openConflicts.length);
    const whole = problems.length === 0 && resolved.every(({ synced }) => synced);
    const exitCode = whole ? ExitCode.ok : ExitCode.incomplete;
    const result = { root, exitCode, resolved, problems, openConflicts: openConflicts.length };
    return { memory: { ...memory, openConflicts }, result };
  };
  return workOnPair(options, host, work, deps);
}

interface Worked {
  memory: PairMemory;
  result: ResolveResult;
}

/** One problem for each file. */
function severalCopies(unclear: readonly FileConflict[]): Problem[] {
  return [...Map.groupBy(unclear, ({ path }) => path)].map(([path, found]) => {
    const copies = found.map(({ copy }) => copy).join(' or ');
    const why = `${path} has several copies; name the one that is meant: ${copies}`;
    return problemOf(path, new PathProblem('failed', why));
  });
}

async function resolveOne(
  run: RunContext,
  conflict: FileConflict,
  { keep, bucket, known }: { keep: Keep; bucket: Bucket; known: OpenConflict | undefined },
): Promise<Resolved> {
  const { path, copy, sides } = conflict;
  const was = known && { conflict: { kept: known.kept, open: known.open } };
  if (keep === 'both') {
    const { other, changes } = await keepBoth(run, conflict);
    run.activity.add({ type: 'resolved', path, copy, kept: 'both', other, changes, ...was });
    return { path, copy, kept: 'both', other, synced: await bucket.follow(other, copy) };
  }
  const kept = keep === 'newer' ? await newerOf(run.pair.root, conflict) : keep;
  const inPlace = sides[kept].path === path;
  const done = inPlace ? await discard(run, copy) : await giveName(run, path, copy);
  run.activity.add({ type: 'resolved', path, copy, kept, other: null, ...done, ...was });
  const synced = await bucket.follow(inPlace ? null : path, copy);
  return { path, copy, kept, other: null, synced };
}

/** Another copy of the file may have taken its name since it was listed, and so the newest is left. */
async function newerOf(root: string, conflict: FileConflict): Promise<'local' | 'cloud'> {
  const { path } = conflict;
  const now = await lookAgain(root, conflict);
  if (now === undefined) throw changedMeanwhile(path);
  if (now.newer !== null) return now.newer;
  throw new PathProblem('failed', `both versions of ${path} are of the same time; choose one`);
}

interface KeptVersion {
  size: number;
  md5: string;
}

/** What a choice did to names here, and where the version lies that has none any more. */
interface Done {
  aside: string;
  changes: { path: string; before: KeptVersion | null; after: KeptVersion | null }[];
}

/** Into the trash with it, as it is on the disk now. */
async function discard(run: RunContext, path: string): Promise<Done> {
  const target = await run.root.pathOf(path);
  const { aside, version } = await takeAside(run, path, target);
  await syncFolder(dirname(target));
  await run.journal.write({ type: 'aside-done', aside });
  return { aside, changes: [{ path, before: version, after: null }] };
}

/** The copy takes the name of the file, which goes into the trash. */
async function giveName(run: RunContext, path: string, copy: string): Promise<Done> {
  const target = await run.root.pathOf(path);
  const { aside, version: before } = await takeAside(run, path, target);
  let after: KeptVersion;
  try {
    after = await moveCopy(run, copy, async (file) => {
      if (!(await nameAside(run, file, target))) throw changedMeanwhile(path);
      return target;
    });
  } catch (error) {
    await putBack(run, path, target, aside);
    throw error;
  }
  await run.journal.write({ type: 'aside-done', aside });
  const moved = { path: copy, before: after, after: null };
  return { aside, changes: [{ path, before, after }, moved] };
}

/**
 * Gives a copy another name. By way of the trash, so that it is a private file of ours meanwhile: a
 * version that a program saves as the copy in that moment is another file, which stays.
 *
 * @param place gives the file its name and returns where it is
 */
async function moveCopy(
  run: RunContext,
  copy: string,
  place: (file: string) => Promise<string>,
): Promise<KeptVersion> {
  const source = await run.root.pathOf(copy);
  const { aside, version } = await takeAside(run, copy, source);
  try {
    await syncFolder(dirname(await place(aside)));
  } catch (error) {
    await putBack(run, copy, source, aside);
    throw error;
  }
  await run.journal.write({ type: 'aside-done', aside });
  // Nothing in the trash: it has a name.
  run.tally.asides = run.tally.asides.filter((each) => each.aside !== aside);
  return version;
}

async function takeAside(
  run: RunContext,
  path: string,
  target: string,
): Promise<{ aside: string; version: KeptVersion }> {
  const local = await hashStable(target, run.wait);
  const aside = local === undefined ? undefined : await moveAside(run, path, target, local);
  if (local === undefined || aside === undefined) throw changedMeanwhile(path);
  return { aside, version: { size: local.size, md5: local.md5 } };
}

/** The copy gets a name that says no more of a conflict, never over a file. */
async function keepBoth(
  run: RunContext,
  { path, copy, since }: FileConflict,
): Promise<{ other: string; changes: Done['changes'] }> {
  const named = originalOfConflict(copy);
  const [machine, date] = [named?.machine ?? machineName(), named?.date ?? since.slice(0, 10)];
  let other = '';
  const version = await moveCopy(run, copy, async (file) => {
    for (let number = 1; ; number += 1) {
      other = keptPath(path, machine, date, number);
      const target = await run.root.pathOf(other);
      if (await nameAside(run, file, target)) return target;
    }
  });
  const moved = { path: copy, before: version, after: null };
  return { other, changes: [moved, { path: other, before: null, after: version }] };
}

/** The pair is no longer in conflict when the last one is resolved. */
async function endState(run: RunContext, open: number): Promise<void> {
  const before = await storedStatus(run.pair.folder);
  if (open > 0 || before?.state !== 'conflicts') return;
  await writeStatus(run.pair, 'idle', 'The conflicts are resolved.', { at: run.now() });
}

function changedMeanwhile(path: string): PathProblem {
  return new PathProblem('changing', `${path} was changed just now; look at it again`);
}
