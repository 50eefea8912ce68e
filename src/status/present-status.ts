import { STATE_MEANINGS } from '../bisync/states.ts';
import { clockText, summarizeView } from '../bisync/watch/present-watch.ts';
import type { MountStatus } from '../mount/status.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count, formatBytes, formatDuration } from '../output/format.ts';
import type { Output, Style } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import { accountText } from '../session/account-text.ts';
import type { FolderReport, StatusReport } from './report.ts';

export function presentStatusReport(report: StatusReport, out: Output, now: number): string {
  const blocks = [accountBlock(report)];
  for (const folder of report.folders) blocks.push(folderBlock(folder, out, now));
  for (const mount of report.mounts) blocks.push(mountBlock(mount, out));
  if (report.services.length > 0) blocks.push(servicesBlock(report.services, out));
  if (report.nextSteps.length > 0) {
    blocks.push(
      formatFields(report.nextSteps.map((step, at) => [at === 0 ? 'Next step' : '', step])),
    );
  }
  return blocks.join('\n\n');
}

function accountBlock({ account }: StatusReport): string {
  if (account === null) return formatFields([['Account', 'none yet']]);
  const { name, server, context, tenant } = account;
  return formatFields([
    ['Account', `${accountText(name)} at ${server}`],
    ['Context', `${context}: ${tenant.name} (${tenant.slug})`],
  ]);
}

function folderBlock(folder: FolderReport, out: Output, now: number): string {
  const { state, message, root, bucket, openConflicts, lastRun, since, owner } = folder;
  const ago = since === null ? '' : `, ${agoText(since, now)}`;
  return formatFields([
    ['Folder', root],
    ['Bucket', bucket],
    ['State', `${out.style(colorOf(folder), state)}: ${message.replace(/\.$/, '')}${ago}`],
    ['Watching', watchText(folder, now)],
    [
      'At work',
      owner === null || folder.watcher !== null
        ? undefined
        : `${owner.command} (process ${owner.pid})`,
    ],
    ['Last run', lastRun === null ? undefined : runText(lastRun, now)],
    ['Conflicts', openConflicts === 0 ? undefined : `${openConflicts} open`],
  ]);
}

/** A pause counts for the watcher only; without one it says what the next one will do. */
function watchText({ watcher, paused }: FolderReport, now: number): string | undefined {
  if (watcher === null) {
    if (paused === null) return undefined;
    const end =
      paused.until === null ? 'until cloud resume' : `until ${clockText(Date.parse(paused.until))}`;
    return `not now; paused ${end}`;
  }
  return watcher.view === null
    ? `process ${watcher.pid} does not answer: cloud doctor`
    : summarizeView(watcher.view, now);
}

function colorOf({ state }: FolderReport): Style {
  const { exitCode } = STATE_MEANINGS[state];
  if (exitCode === ExitCode.ok) return 'green';
  return exitCode === ExitCode.needsPerson || exitCode === ExitCode.failed ? 'red' : 'yellow';
}

function runText(run: NonNullable<FolderReport['lastRun']>, now: number): string {
  const when = `${agoText(run.at, now)}, ${formatDuration(run.durationMs)}`;
  // What it had moved by then is not counted.
  if (run.error !== undefined) return `${when}: ended early (${run.error})`;
  const parts = [
    run.uploaded > 0 ? `${run.uploaded} up` : undefined,
    run.downloaded > 0 ? `${run.downloaded} down` : undefined,
    run.deleted > 0 ? `${run.deleted} deleted` : undefined,
    run.conflicts > 0 ? count(run.conflicts, 'conflict') : undefined,
    run.problems > 0 ? `${run.problems} not synced` : undefined,
  ].filter((part) => part !== undefined);
  const moved = parts.length === 0 ? 'nothing to move' : parts.join(', ');
  const bytes = run.bytes > 0 ? ` (${formatBytes(run.bytes)})` : '';
  return `${when}: ${moved}${bytes}`;
}

function mountBlock(mount: MountStatus, out: Output): string {
  const { path, bucket, state, pending, problem } = mount;
  const color = state === 'mounted' ? 'green' : state === 'dead' ? 'red' : 'yellow';
  const waiting = pending.files.length;
  return formatFields([
    ['Mount', path],
    ['Bucket', bucket],
    ['State', out.style(color, state) + (problem === null ? '' : `: ${problem.message}`)],
    [
      'Uploads',
      waiting === 0
        ? undefined
        : `${count(waiting, 'file')} (${formatBytes(pending.bytes)}) waiting`,
    ],
  ]);
}

function servicesBlock(services: StatusReport['services'], out: Output): string {
  return formatFields(
    services.map(({ kind, context, state, message, exitCode }, at) => {
      const text = `${kind} for ${context}: ${out.style(exitCode === 0 ? 'green' : 'yellow', state)}`;
      return [at === 0 ? 'Services' : '', `${text}: ${message.replace(/\.$/, '')}`];
    }),
  );
}

function agoText(at: string, now: number): string {
  const ms = Math.max(0, now - Date.parse(at));
  return ms < 1000 ? 'just now' : `${formatDuration(ms)} ago`;
}
