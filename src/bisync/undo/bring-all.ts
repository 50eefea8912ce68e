import type { Bucket } from '../follow-bucket.ts';
import { problemOf } from '../path-failure.ts';
import type { ProblemReason } from '../problems.ts';
import type { RunContext } from '../run-context.ts';
import { bringBack, judge } from './bring-back.ts';
import type { RecordedVersion } from './changed-by-run.ts';
import type { FoundVersion } from './earlier-versions.ts';

/** What is wanted of one path; it is looked for only if it is needed. */
export interface Wish {
  path: string;
  /** What both sides should have now; null: no such file. */
  expected: RecordedVersion | null;
  /** Null: it shall be gone. */
  wanted: { size: number; md5: string | null } | null;
  /** A sentence where it is nowhere any more. Not asked where it shall be gone. */
  find: () => Promise<FoundVersion | string>;
  of?: string;
}

export interface Brought {
  path: string;
  action: 'restored' | 'removed';
  /** Bytes, of what is there now or was removed. */
  size: number;
  /** Where it was found; null for what was removed. */
  from: FoundVersion['from'] | null;
  /** Whether the bucket has it already; otherwise the next run brings it there. */
  synced: boolean;
}

/** A path that was left as it is. */
export interface Left {
  path: string;
  reason: ProblemReason | 'changed' | 'not-found' | 'conflict';
  /** One sentence for people. */
  message: string;
}

export interface BroughtAll {
  done: Brought[];
  /** Paths that were as wanted. */
  already: string[];
  left: Left[];
}

/**
 * Brings back one version after the other. What comes back goes first, new names before replaced
 * files, so that a content that is only under its new name is not removed before it was copied.
 *
 * @throws what ends the whole work, and not that of one path
 */
export async function bringAll(
  run: RunContext,
  bucket: Bucket,
  wishes: readonly Wish[],
  { dryRun }: { dryRun: boolean },
): Promise<BroughtAll> {
  const all: BroughtAll = { done: [], already: [], left: [] };
  const blocked: Wish[] = [];
  const attempt = async (wish: Wish, again: Wish[] | undefined): Promise<void> => {
    run.signal?.throwIfAborted();
    try {
      await bringOne(run, bucket, wish, { dryRun, all });
    } catch (error) {
      run.signal?.throwIfAborted();
      const problem = problemOf(wish.path, error);
      // A file may stand where a folder is needed until it is removed.
      if (problem.reason === 'blocked' && again !== undefined) again.push(wish);
      else all.left.push(problem);
    }
  };
  for (const wish of wishes.toSorted(inOrder)) await attempt(wish, blocked);
  for (const wish of blocked) await attempt(wish, undefined);
  return all;
}

function inOrder(a: Wish, b: Wish): number {
  return rank(a) - rank(b) || (a.path < b.path ? -1 : 1);
}

function rank({ expected, wanted }: Wish): number {
  if (wanted === null) return 2;
  return expected === null ? 0 : 1;
}

async function bringOne(
  run: RunContext,
  bucket: Bucket,
  wish: Wish,
  { dryRun, all }: { dryRun: boolean; all: BroughtAll },
): Promise<void> {
  const { path, expected, wanted } = wish;
  const judged = await judge(run, path, wish);
  if (judged === 'already') {
    all.already.push(path);
    return;
  }
  if ('why' in judged) {
    all.left.push({ path, reason: 'changed', message: judged.why });
    return;
  }
  const found = wanted === null ? null : await wish.find();
  if (typeof found === 'string') {
    all.left.push({ path, reason: 'not-found', message: found });
    return;
  }
  const back = { path, expected, wanted: found, of: wish.of };
  const synced = dryRun || (await bringBack(run, bucket, back, judged.local));
  all.done.push({
    ...{ path, action: found === null ? 'removed' : 'restored', from: found?.from ?? null },
    ...{ size: found?.size ?? expected?.size ?? 0, synced },
  });
}
