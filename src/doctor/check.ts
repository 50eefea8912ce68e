import { setTimeout as delay } from 'node:timers/promises';
import type { ExitCode } from '../output/exit-codes.ts';
import type { Facts } from './facts.ts';
import { failure, failureOf, skipped, type Finding, type Observation } from './finding.ts';

export const GROUPS = [
  'Set-up',
  'Network',
  'Account and bucket',
  'Programs',
  'Mounts',
  'Synced folders',
  'Background services',
  'Disk and files',
] as const;
export type Group = (typeof GROUPS)[number];

export interface Check {
  /** Stable, for programs. */
  id: string;
  group: Group;
  /** What is looked at: `the server`. */
  title: string;
  /** Ids of earlier checks without which this one has nothing to look at. */
  needs?: readonly string[];
  /** When it counts as hanging, in milliseconds. */
  withinMs: number;
  /** Of a failure that it did not see coming, or of hanging. */
  exitCode: ExitCode;
  run(facts: Facts): Promise<Observation[]>;
}

export interface Examination {
  /** In the order of the checks. */
  findings: Finding[];
  /** Something was left behind that has not come to its end. */
  abandoned: boolean;
}

/**
 * Runs every check at once, each as soon as those it needs are done. None can fail the others: what
 * one throws is its finding, and one that hangs is left behind. `needs` lead to earlier checks only.
 */
export async function runChecks(
  checks: readonly Check[],
  facts: Facts,
  onDone: (check: Check, ms: number) => void = () => undefined,
): Promise<Examination> {
  let abandoned = false;
  const results = new Map<string, Promise<Finding[]>>();
  for (const check of checks) {
    const needed = (check.needs ?? []).flatMap((id) => results.get(id) ?? []);
    results.set(check.id, outcome(check, needed));
  }
  const findings = (await Promise.all(results.values())).flat();
  return { findings, abandoned };

  async function outcome(check: Check, needed: Promise<Finding[]>[]): Promise<Finding[]> {
    const hindrance = hindranceOf((await Promise.all(needed)).flat());
    const started = performance.now();
    const seen =
      hindrance === undefined
        ? await withinLimit(check, facts, () => (abandoned = true))
        : [skipped(hindrance)];
    onDone(check, performance.now() - started);
    return seen.map((observation) => ({ check: check.id, ...observation }));
  }
}

function hindranceOf(findings: readonly Finding[]): string | undefined {
  const hinders = findings.find(({ level }) => level === 'failure' || level === 'skipped');
  return hinders?.level === 'skipped' ? (hinders.cause ?? hinders.summary) : hinders?.summary;
}

async function withinLimit(check: Check, facts: Facts, onHang: () => void): Promise<Observation[]> {
  const ended = new AbortController();
  const late = delay(check.withinMs, undefined, { signal: ended.signal }).then(
    () => 'late' as const,
  );
  late.catch(() => undefined);
  try {
    const seen = await Promise.race([check.run(facts), late]);
    if (seen !== 'late') return seen;
    onHang();
    return [
      failure(check.exitCode, `${check.title}: no answer in ${check.withinMs / 1000} s`, {
        cause: 'Something that was asked hangs; it was left alone.',
      }),
    ];
  } catch (error) {
    facts.signal.throwIfAborted();
    const report = facts.deps.reportOf(error);
    const { level, ...rest } = failureOf(report);
    // What nobody foresaw has no code of its own.
    const exitCode = report.code === 'unexpected' ? check.exitCode : rest.exitCode;
    return [{ level, ...rest, summary: `${check.title}: ${rest.summary}`, exitCode }];
  } finally {
    ended.abort();
  }
}
