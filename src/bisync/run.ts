import { AbortError } from '../output/errors.ts';
import { isErrno } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { createS3Client, type S3Client } from '../s3/client.ts';
import { runLocked } from './locked-run.ts';
import type { NameRules } from './name-rules.ts';
import { openPair, readStatus, writeStatus, type Pair } from './pair.ts';
import { stopSignal, type BisyncOptions } from './options.ts';
import { lockPair } from './pair-lock.ts';
import type { BisyncResult } from './result.ts';
import type { BisyncEvent } from './run-context.ts';
import { endingOfRun, stateAfter } from './endings.ts';
import { renewedAccess } from './renew-access.ts';

export interface BisyncDeps {
  s3: S3Client;
  /** Between the plan and its execution. */
  afterPlan: () => Promise<void>;
  /** After how long without a word rclone is ended and started again, in milliseconds. */
  silenceMs: number;
  /** How old a file must be to be known by its stamp, in milliseconds. */
  settledMs: number;
  /** Other rules of names than those of the system here. */
  names: Partial<NameRules>;
}

/**
 * Syncs a folder with a bucket: one plan and its guarded execution (docs/sync.md). Every way out
 * leaves the pair's state on the disk, and a run after a crash goes on where this one stopped.
 *
 * @throws AbortError with the pair's state as its code where it has one: `halted-delete-guard` and
 * the other `halted-…` (78), `needs-login` (4), `offline` (5); `plan-changed` (78)
 * @throws LockHeldError when another process syncs this folder
 */
export async function runBisync(
  options: BisyncOptions,
  host: Host,
  onEvent: (event: BisyncEvent) => void,
  deps: Partial<BisyncDeps> = {},
): Promise<BisyncResult> {
  const pair = await openPair(host, options.access, options.localRoot);
  const lock = await lockPair(pair, {
    ...{ command: options.command ?? 'cloud bisync', clock: host.clock },
    ...{ waitMs: options.waitMs ?? 0, signal: stopSignal(options) },
    onWaiting: (owner) => onEvent({ type: 'waiting', owner }),
  });
  try {
    return await runAndRenew(options, pair, { host, onEvent, ...deps });
  } catch (error) {
    const failure = endingOfRun(error).error;
    await (stopSignal(options)?.aborted === true
      ? rememberStop(pair, host)
      : rememberFailure(pair, failure, host));
    throw failure;
  } finally {
    lock.release();
  }
}

type Around = { host: Host; onEvent: (event: BisyncEvent) => void } & Partial<BisyncDeps>;

/** A run, and once more with another key if the storage refuses this one. */
async function runAndRenew(
  options: BisyncOptions,
  pair: Pair,
  around: Around,
): Promise<BisyncResult> {
  try {
    return await runWith(options, pair, around);
  } catch (error) {
    const { remedy, error: refusal } = endingOfRun(error);
    const { renewAccess } = options;
    if (
      remedy !== 'renew-access' ||
      renewAccess === undefined ||
      stopSignal(options)?.aborted === true
    ) {
      throw error;
    }
    const access = await renewedAccess(options.access, refusal, renewAccess);
    return runWith({ ...options, access }, pair, around);
  }
}

async function runWith(
  options: BisyncOptions,
  pair: Pair,
  { host, onEvent, ...deps }: Around,
): Promise<BisyncResult> {
  const s3 = deps.s3 ?? createS3Client(options.access);
  const { afterPlan, silenceMs, settledMs, names } = deps;
  try {
    const around = { host, s3, onEvent, afterPlan, silenceMs, settledMs, names };
    return await runLocked(options, pair, around);
  } finally {
    s3.close();
  }
}

async function rememberFailure(pair: Pair, failure: unknown, host: Host): Promise<void> {
  const message = failure instanceof Error ? failure.message : String(failure);
  const planId = failure instanceof AbortError ? failure.details['planId'] : undefined;
  const more = typeof planId === 'string' ? { planId } : {};
  await remember(pair, stateAfter(failure), message, { at: host.clock.now(), ...more });
}

/** A run that a person stopped while files were being moved; before that the old state still holds. */
async function rememberStop(pair: Pair, host: Host): Promise<void> {
  if ((await readStatus(pair.folder))?.state !== 'syncing') return;
  const message = 'The last run was stopped before its end; the next one goes on from there.';
  await remember(pair, 'error', message, { at: host.clock.now() });
}

async function remember(...status: Parameters<typeof writeStatus>): Promise<void> {
  try {
    await writeStatus(...status);
  } catch (error) {
    // A full disk may be the failure itself, and that is what the person must hear of.
    if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EACCES', 'EROFS')) throw error;
  }
}
