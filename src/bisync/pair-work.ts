import { randomBytes } from 'node:crypto';
import type { Host } from '../platform/host.ts';
import { createS3Client, type S3Client } from '../s3/client.ts';
import { Activity } from './activity.ts';
import { Journal } from './journal.ts';
import { runContext, settleRun, storedState } from './locked-run.ts';
import type { BisyncOptions } from './options.ts';
import { lockPair } from './pair-lock.ts';
import { openPair, removeFolder } from './pair.ts';
import { readMemory, writeMemory, type PairMemory } from './pair-memory.ts';
import { makeReady } from './prepare.ts';
import { PROFILES } from './profiles.ts';
import { foldIn, readLeftovers, tidyLocalRoot } from './recover.ts';
import type { RunContext } from './run-context.ts';
import { SyncedRoot } from './synced-root.ts';
import type { BaselineEntry } from './versions.ts';

type PairWorkOptions = Pick<
  BisyncOptions,
  'access' | 'localRoot' | 'command' | 'waitMs' | 'signal' | 'dryRun'
>;

/**
 * Changes single files of a pair outside of a run, under its lock and with all that guards a run:
 * conditions, journal, trash, the look at the root. What was settled is folded into the baseline.
 *
 * With `dryRun` nothing of the pair changes as long as the work changes nothing.
 *
 * @param work gets the pair's memory and returns what is to be remembered of it
 * @throws LockHeldError when another process is at work on this folder for longer than `waitMs`
 * @throws AbortError `halted-marker-missing` (78)
 */
export async function workOnPair<T>(
  options: PairWorkOptions,
  host: Host,
  work: (run: RunContext, memory: PairMemory) => Promise<{ memory: PairMemory; result: T }>,
  deps: { s3?: S3Client } = {},
): Promise<T> {
  const { access, localRoot, signal, command = 'cloud', dryRun = false } = options;
  const { clock } = host;
  const pair = await openPair(host, access, localRoot);
  const lock = await lockPair(pair, { command, clock, waitMs: options.waitMs ?? 0, signal });
  const s3 = deps.s3 ?? createS3Client(access);
  const journal = new Journal(pair.folder);
  let run: RunContext | undefined;
  try {
    const root = await SyncedRoot.open(pair, host);
    const ready = await makeReady({ access, dryRun }, pair, { s3, now: clock.now() });
    const { stored, leftovers } = await storedState(pair, { dryRun });
    const baseline = foldIn(stored ?? new Map<string, BaselineEntry>(), leftovers.settled);
    const runId = `${new Date(clock.now()).toISOString().replace(/[-:.]/g, '')}-${randomBytes(3).toString('hex')}`;
    const activity = new Activity(pair.folder, runId, () => clock.now());
    const around = { host, s3, onEvent: () => undefined, runId, activity, journal };
    run = await runContext({ access, signal }, pair, around, {
      ...{ profile: PROFILES.safe, baseline, ready, root },
    });
    if (dryRun) return (await work(run, await readMemory(pair.folder))).result;
    await tidyLocalRoot(run, leftovers);
    const result = await workAndRemember(run, work);
    // A cut run may have sent what nobody knows the end of; the next run looks at all of it.
    if (stored !== undefined && (await readLeftovers(pair.folder)).attempts.size === 0) {
      await settleRun(run, true);
    }
    return result;
  } finally {
    // Another one, if the key was renewed meanwhile.
    (run?.s3 ?? s3).close();
    await journal.close();
    await removeFolder(pair, 'copies');
    lock.release();
  }
}

/** What went into the trash is remembered however the work ends: a program may still write to it. */
async function workAndRemember<T>(
  run: RunContext,
  work: (run: RunContext, memory: PairMemory) => Promise<{ memory: PairMemory; result: T }>,
): Promise<T> {
  const { folder } = run.pair;
  const stored = await readMemory(folder);
  const at = new Date(run.now()).toISOString();
  // Those that were met just now, when what a crash had left was put back.
  const met = run.tally.conflicts.filter(({ open }) => open).map((each) => ({ ...each, at }));
  const known = stored.openConflicts.filter(({ copy }) => !met.some((each) => each.copy === copy));
  const before = { ...stored, openConflicts: [...known, ...met] };
  let after = before;
  try {
    const { memory, result } = await work(run, before);
    after = memory;
    return result;
  } finally {
    await writeMemory(folder, { ...after, asides: [...after.asides, ...run.tally.asides] });
  }
}
