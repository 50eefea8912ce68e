import { count, formatBytes, formatDuration, wrap } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import type { BisyncResult, PlannedStep } from './result.ts';
import type { ConflictRecord } from './run-context.ts';

/** At most so many paths of a kind are listed; the JSON has all of them. */
const LISTED = 20;

/** What a run did, or what a dry run would do, for people. */
export function presentBisync(result: BisyncResult, { tableWidth }: Output): string {
  return result.dryRun ? presentPlan(result) : presentRun(result, tableWidth);
}

function presentRun(result: BisyncResult, width: number): string {
  const lines = [wrap(headline(result), width)];
  if (result.conflicts.length > 0) {
    lines.push('', `Both versions were kept of ${count(result.conflicts.length, 'file')}:`);
    lines.push(...listed(result.conflicts.map(conflictLine)));
  }
  const earlier = result.openConflicts - result.conflicts.filter(({ open }) => open).length;
  if (earlier > 0) lines.push('', `From earlier runs, open conflicts: ${earlier}.`);
  if (result.openConflicts > 0) {
    lines.push('Look at them and choose: cloud conflicts list');
  }
  if (result.problems.length > 0) {
    lines.push('', `Not synced: ${count(result.problems.length, 'file')}.`);
    lines.push(...listed(result.problems.map(({ message }) => `  ${message}`)));
  }
  if (result.warnings.length > 0) {
    const number = count(result.warnings.length, 'new name');
    lines.push('', `Uploaded, but not every system can hold ${number}:`);
    lines.push(...listed(result.warnings.map(({ message }) => `  ${message}`)));
  }
  if (result.movedOn.length > 0) {
    lines.push('', `Changed meanwhile, for the next run: ${count(result.movedOn.length, 'file')}.`);
    lines.push(...listed(result.movedOn.map((path) => `  ${path}`)));
  }
  return lines.join('\n');
}

function headline(result: BisyncResult): string {
  const { counts, bytes } = result;
  const parts = [
    part(counts.uploaded, `uploaded (${formatBytes(bytes.uploaded)})`),
    part(counts.downloaded, `downloaded (${formatBytes(bytes.downloaded)})`),
    part(counts.deletedRemote, 'deleted in the bucket'),
    part(counts.deletedLocal, 'deleted here (in the trash)'),
  ].filter((text) => text !== undefined);
  const where = `${result.root} and the bucket ${result.bucket}`;
  const time = formatDuration(result.durationMs);
  if (parts.length > 0) return `Synced ${where} in ${time}: ${parts.join(', ')}.`;
  return `Nothing to move between ${where}: ${count(counts.unchanged, 'file')} equal (${time}).`;
}

function part(number: number, what: string): string | undefined {
  return number === 0 ? undefined : `${number.toLocaleString('en-US')} ${what}`;
}

function conflictLine(conflict: ConflictRecord): string {
  const whose = conflict.kept === 'local' ? 'yours' : "the cloud's";
  return `  ${conflict.path} is ${whose}; the other is ${conflict.copy}`;
}

const GROUPS: readonly [PlannedStep['action'], string][] = [
  ['upload', 'To upload'],
  ['download', 'To download'],
  ['rename', 'Renamed'],
  ['conflict', 'Changed on both sides; both versions are kept'],
  ['delete-remote', 'To delete in the bucket'],
  ['delete-local', 'To delete here (into the trash)'],
];

function presentPlan(result: BisyncResult): string {
  if (result.planned.length === 0) return 'Nothing to do: both sides agree.';
  const lines = GROUPS.flatMap(([action, title]) => {
    const steps = result.planned.filter((step) => step.action === action);
    if (steps.length === 0) return [];
    const bytes = steps.reduce((sum, step) => sum + step.size, 0);
    const head = `${title}: ${count(steps.length, 'file')}, ${formatBytes(bytes)}`;
    const paths = steps.map(({ path, to }) => `  ${path}${to === undefined ? '' : ` → ${to}`}`);
    return [head, ...listed(paths)];
  });
  return [...lines, '', `To do exactly this: cloud bisync --approve ${result.planId ?? ''}`].join(
    '\n',
  );
}

function listed(lines: readonly string[]): string[] {
  const more = lines.length - LISTED;
  return more > 0 ? [...lines.slice(0, LISTED), `  … and ${more} more`] : [...lines];
}
