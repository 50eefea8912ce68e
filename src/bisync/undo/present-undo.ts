import { count, formatBytes, wrap } from '../../output/format.ts';
import type { Output } from '../../output/output.ts';
import { fieldsNamed, type View } from '../../output/view.ts';
import { localTime } from '../present-activity.ts';
import type { Brought, BroughtAll } from './bring-all.ts';
import type { RestoreResult } from './restore.ts';
import type { UndoableRun } from './undo-list.ts';
import type { UndoResult } from './undo-run.ts';

/** At most so many paths of a kind are listed; the JSON has all of them. */
const LISTED = 20;

export function presentUndo(result: UndoResult, out: Output): string {
  const { run, dryRun, runId, openConflicts } = result;
  const what = `${run.command ?? 'what was moved'} of ${localTime(run.at)}`;
  const nothing = result.done.length === 0;
  const head = nothing
    ? `Nothing of ${what} ${dryRun ? 'would be' : 'was'} taken back.`
    : `${dryRun ? 'This would take back' : 'Taken back:'} ${what}, on both sides:`;
  const lines = [wrap(head, out.tableWidth), ...outcome(result)];
  if (openConflicts > 0) lines.push('', 'Conflicts wait for a choice: cloud conflicts list');
  if (runId !== null && !nothing)
    lines.push('', `This can be taken back too: cloud undo ${tail(runId)}`);
  return lines.join('\n');
}

export function presentRestore(result: RestoreResult): string {
  const { to, dryRun, runId, done } = result;
  const lines = outcome(result);
  if (done.length > 0) {
    const where = to === null ? 'on both sides' : `in ${to}`;
    lines.unshift(`${dryRun ? 'Would be put back' : 'Put back'} ${where}:`);
    if (runId !== null) lines.push('', `This can be taken back: cloud undo ${tail(runId)}`);
  }
  return lines.join('\n').trim();
}

function outcome({ done, already, left }: BroughtAll): string[] {
  const lines = listed(done.map(line));
  if (already.length > 0) lines.push(`  ${count(already.length, 'file')} as wanted already`);
  if (left.length > 0) {
    lines.push('', `Left as ${left.length === 1 ? 'it is' : 'they are'}:`);
    lines.push(...listed(left.map(({ message }) => `  ${message}`)));
  }
  if (done.some(({ synced }) => !synced)) {
    lines.push('', 'The bucket could not follow yet; the next `cloud bisync` brings it there.');
  }
  return lines;
}

function line({ path, action, size, from }: Brought): string {
  if (action === 'removed') return `  ${path}: removed (the trash has it)`;
  const where = from === 'trash' ? 'the trash' : from === 'folder' ? 'its new name' : 'the cloud';
  return `  ${path}: ${formatBytes(size)} from ${where}`;
}

export const RUNS: View<UndoableRun> = {
  fields: fieldsNamed('id', 'at', 'command', 'changed', 'added', 'deleted', 'conflicts'),
  columns: [
    { title: 'RUN', show: ({ id }) => tail(id) },
    { title: 'TIME', show: ({ at }) => localTime(at) },
    { title: 'WHAT', show: ({ command }) => command ?? 'single files' },
    { title: 'CHANGES', show: changesText },
  ],
  empty: 'No run that changed something is on record.',
};

/** `2 changed, 1 added` */
function changesText({ changed, added, deleted, conflicts }: UndoableRun): string {
  const parts = Object.entries({ changed, added, deleted }).map(([word, n]) => `${n} ${word}`);
  return [...parts, count(conflicts, 'conflict')]
    .filter((part) => !part.startsWith('0 '))
    .join(', ');
}

/** The end of a run's id is enough to name it. */
function tail(run: string): string {
  return run.slice(run.lastIndexOf('-') + 1);
}

function listed(lines: readonly string[]): string[] {
  if (lines.length <= LISTED) return [...lines];
  return [...lines.slice(0, LISTED), `  and ${lines.length - LISTED} more`];
}
