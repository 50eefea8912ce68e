import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import type { SessionFlags } from '../session/settings.ts';
import { runChecks, type Check, type Examination } from './check.ts';
import { accountChecks } from './checks/account.ts';
import { bucketChecks } from './checks/bucket.ts';
import { diskChecks } from './checks/disk.ts';
import { fileChecks } from './checks/files.ts';
import { lockChecks } from './checks/locks.ts';
import { mountChecks } from './checks/mounts.ts';
import { networkChecks } from './checks/network.ts';
import { pairChecks } from './checks/pairs.ts';
import { programChecks } from './checks/programs.ts';
import { serviceChecks } from './checks/services.ts';
import { setupChecks } from './checks/setup.ts';
import { watchingChecks } from './checks/watching.ts';
import { Facts, systemDeps, type DoctorDeps } from './facts.ts';
import type { Finding, Level } from './finding.ts';

/** In the order in which things stand on one another: the first failure is the one to cure first. */
export const CHECKS: readonly Check[] = [
  ...setupChecks,
  ...networkChecks,
  ...accountChecks,
  ...bucketChecks,
  ...programChecks,
  ...mountChecks,
  ...pairChecks,
  ...watchingChecks,
  ...serviceChecks,
  ...diskChecks,
  ...lockChecks,
  ...fileChecks,
];

export interface DoctorOptions {
  flags: SessionFlags;
  /** Apply the cures that can destroy nothing, and look again. */
  fix: boolean;
  signal: AbortSignal;
}

export interface Fixed {
  check: string;
  /** What was wrong. */
  summary: string;
  /** What was done about it, in the past tense; null when it was not. */
  did: string | null;
  /** Why it was not. */
  error: string | null;
}

export interface DoctorResult {
  /** As it is now: with `fix`, after the cures. */
  findings: Finding[];
  worst: Exclude<Level, 'skipped'>;
  fixed: Fixed[];
  /** Of the first failure; 0 when there are warnings only. */
  exitCode: ExitCode;
  /** Something that was asked hangs and was left behind. */
  abandoned: boolean;
}

export type DoctorEvent =
  { type: 'looked'; check: string; ms: number } | { type: 'fixed'; fixed: Fixed };

/**
 * Looks at everything that set-up, sync and mounts stand on, and with `fix` applies the safe cures.
 * It needs nothing itself: no network, no set-up, no rclone.
 *
 * @throws AbortError with exit code 2 when the flags name no context
 */
export async function examine(
  options: DoctorOptions,
  host: Host,
  deps: Partial<DoctorDeps> & Pick<DoctorDeps, 'reportOf'>,
  onEvent: (event: DoctorEvent) => void = () => undefined,
): Promise<DoctorResult> {
  const { flags, signal } = options;
  const look = (): Promise<Examination> => {
    const facts = new Facts(host, flags, signal, { ...systemDeps, ...deps });
    return runChecks(CHECKS, facts, ({ id }, ms) => onEvent({ type: 'looked', check: id, ms }));
  };
  await refuseBadFlags(new Facts(host, flags, signal, { ...systemDeps, ...deps }));
  let seen = await look();
  let { abandoned } = seen;
  const fixed: Fixed[] = [];
  // A cure can bring to light what was hidden behind the trouble.
  for (let round = 0; options.fix && round < ROUNDS; round += 1) {
    signal.throwIfAborted();
    const isNew = ({ check, summary }: Finding): boolean =>
      !fixed.some((each) => each.check === check && each.summary === summary);
    const cures = await applyCures(seen.findings.filter(isNew), options, deps, onEvent);
    if (cures.length === 0) break;
    fixed.push(...cures);
    seen = await look();
    abandoned ||= seen.abandoned;
  }
  signal.throwIfAborted();
  return { ...verdict(seen), fixed, abandoned };
}

const ROUNDS = 4;

/** A mistyped name is no illness. */
async function refuseBadFlags(facts: Facts): Promise<void> {
  try {
    await facts.context();
  } catch (error) {
    if (error instanceof AbortError && error.exitCode === ExitCode.usage) throw error;
  }
}

/** One after the other: a later cure may stand on an earlier one. */
async function applyCures(
  findings: readonly Finding[],
  { signal }: DoctorOptions,
  { reportOf }: Pick<DoctorDeps, 'reportOf'>,
  onEvent: (event: DoctorEvent) => void,
): Promise<Fixed[]> {
  const all: Fixed[] = [];
  for (const { check, summary, fix } of findings) {
    if (fix === undefined) continue;
    signal.throwIfAborted();
    let fixed: Fixed;
    try {
      fixed = { check, summary, did: await fix(), error: null };
    } catch (error) {
      signal.throwIfAborted();
      fixed = { check, summary, did: null, error: reportOf(error).message };
    }
    all.push(fixed);
    onEvent({ type: 'fixed', fixed });
  }
  return all;
}

function verdict({ findings }: Examination): Pick<DoctorResult, 'findings' | 'worst' | 'exitCode'> {
  const failed = findings.find(({ level }) => level === 'failure');
  const warned = findings.some(({ level }) => level === 'warning');
  return {
    findings,
    worst: failed !== undefined ? 'failure' : warned ? 'warning' : 'ok',
    exitCode: failed?.exitCode ?? ExitCode.ok,
  };
}
