import { count, formatBytes, formatDuration } from '../../output/format.ts';
import type { Output, Style } from '../../output/output.ts';
import { fitText, formatFields, formatTable } from '../../output/table.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { STATE_MEANINGS } from '../states.ts';
import type { PauseResult } from './watched-folder.ts';
import type { WaitingChange, WatchChange, WatchView } from './watcher.ts';

/** Changes on the screen; the record (`cloud activity`) has them all. */
const SHOWN = 10;

/** What a watcher is doing, as many lines as it has to say, none wider than the terminal. */
export function presentView(view: WatchView, out: Output, now: number): string {
  const { root, bucket, profile, state } = view;
  const fields = formatFields([
    ['Bucket', `${bucket} (${profile})`],
    ['State', `${state}: ${stateText(view, now)}`],
    ['Next step', nextStepText(view)],
    ['Changes', seenText(view, now)],
    ['Waiting', waitingText(view)],
    ['Moving', movingText(view)],
    ['Conflicts', conflictsText(view)],
    ['Compared', comparedText(view, now)],
  ]);
  const blocks = [
    `Watching ${root}`,
    fields,
    ...(view.recent.length === 0 ? [] : [recentTable(view.recent, out)]),
    ...(view.problems.length === 0 ? [] : [problemsText(view.problems)]),
  ];
  const [title = '', ...lines] = blocks
    .join('\n\n')
    .split('\n')
    .map((line) => fitText(line, out.width));
  const coloured = lines.map((line) =>
    line.startsWith('State ') ? line.replace(state, out.style(colorOf(view), state)) : line,
  );
  return [out.style('bold', title), ...coloured].join('\n');
}

/** The same in one line, for the screen of `cloud status`. */
export function summarizeView(view: WatchView, now: number): string {
  const parts = [
    seenText(view, now),
    view.queued === 0 ? undefined : `${count(view.queued, 'change')} waiting`,
    lastText(view.recent[0], now),
  ];
  return parts.filter((part) => part !== undefined).join('; ');
}

function lastText(last: WatchChange | undefined, now: number): string | undefined {
  if (last === undefined) return undefined;
  return `last ${agoText(last.at, now)}: ${last.path} ${changeWord(last)}`;
}

/** `uploaded`, `deleted here` … */
export function changeWord({ kind, direction }: Pick<WatchChange, 'kind' | 'direction'>): string {
  if (kind === 'conflict') return 'kept twice';
  if (kind === 'deleted') return direction === 'up' ? 'deleted in the cloud' : 'deleted here';
  return direction === 'up' ? 'uploaded' : 'downloaded';
}

function stateText({ message, since, pausedUntil }: WatchView, now: number): string {
  const until = pausedUntil === null ? '' : ` Until ${clockText(pausedUntil)}.`;
  return `${message}${until} (${formatDuration(Math.max(0, now - since))})`;
}

/** Where the watcher itself will not go on to the next thing. */
function nextStepText({ state }: WatchView): string | undefined {
  return state === 'paused' || state === 'error' ? STATE_MEANINGS[state].nextStep : undefined;
}

function colorOf({ state }: WatchView): Style {
  const { exitCode } = STATE_MEANINGS[state];
  if (exitCode === ExitCode.ok) return state === 'paused' ? 'yellow' : 'green';
  return exitCode === ExitCode.needsPerson || exitCode === ExitCode.failed ? 'red' : 'yellow';
}

/** How soon a change is seen on either side. */
function seenText({ local, remote, nextComparisonAt }: WatchView, now: number): string {
  if (local === 'events' && remote === 'events') return 'seen at once, here and in the cloud';
  const here = local === 'events' ? 'here at once' : 'here by looking again and again';
  if (remote === 'events') return `seen ${here}, in the cloud at once`;
  const cloud =
    remote === 'reconnecting'
      ? 'connecting to hear of those in the cloud'
      : `those in the cloud by comparing${nextComparisonAt === null ? '' : `, next ${inText(nextComparisonAt, now)}`}`;
  return `seen ${here}; ${cloud}`;
}

function waitingText({ queue, queued }: WatchView): string | undefined {
  if (queued === 0) return undefined;
  const first = queue.slice(0, 3).map((each) => `${arrow(each)} ${each.path}`);
  const more = queued > first.length ? ', …' : '';
  return `${count(queued, 'change')}: ${first.join(', ')}${more}`;
}

function arrow({ direction }: Pick<WaitingChange, 'direction'>): string {
  return direction === 'up' ? '↑' : '↓';
}

function movingText({ moving }: WatchView): string | undefined {
  if (moving === null) return undefined;
  const { bytes, size } = moving;
  const percent = size === 0 ? 100 : Math.floor((bytes / size) * 100);
  return `${arrow(moving)} ${percent} % of ${formatBytes(size)}: ${moving.path}`;
}

function conflictsText({ openConflicts }: WatchView): string | undefined {
  return openConflicts === 0 ? undefined : `${openConflicts} open: cloud conflicts list`;
}

function comparedText({ lastComparedAt, nextComparisonAt }: WatchView, now: number): string {
  const last = lastComparedAt === null ? 'not yet' : agoText(lastComparedAt, now);
  return nextComparisonAt === null ? last : `${last}, again ${inText(nextComparisonAt, now)}`;
}

function recentTable(recent: readonly WatchChange[], out: Output): string {
  const rows = recent.slice(0, SHOWN).map((change) => ({
    time: clockText(change.at),
    file: change.path,
    what: changeWord(change),
    size: change.size === null ? '' : formatBytes(change.size),
    lag: change.lagMs === null ? '' : formatDuration(change.lagMs),
  }));
  const columns = [
    { key: 'time', title: 'TIME' },
    { key: 'file', title: 'FILE' },
    { key: 'what', title: 'WHAT' },
    { key: 'size', title: 'SIZE', align: 'right' as const },
    { key: 'lag', title: 'AFTER', align: 'right' as const },
  ];
  return formatTable(rows, columns, out.width);
}

function problemsText(problems: WatchView['problems']): string {
  const lines = problems
    .slice(0, SHOWN)
    .flatMap(({ message, cure }) => [`  ${message}`, ...(cure === null ? [] : [`    ${cure}`])]);
  return ['Needs a look:', ...lines].join('\n');
}

/** What a pause or its end means now. */
export function presentPause({ root, paused, until, watching }: PauseResult): string {
  if (!paused) {
    return watching
      ? `${root} is synced again.`
      : `Nothing is paused any more. No watcher runs for ${root}: cloud bisync --watch`;
  }
  const end = until === null ? 'until cloud resume' : `until ${clockText(Date.parse(until))}`;
  const later = watching ? '' : ' No watcher runs now; one that is started keeps to it.';
  return `${root} is paused ${end}.${later}`;
}

/** `18:04:31`, in the time of this place. */
export function clockText(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

function agoText(at: number, now: number): string {
  return now - at < 1000 ? 'just now' : `${formatDuration(now - at)} ago`;
}

function inText(at: number, now: number): string {
  return at <= now ? 'now' : `in ${formatDuration(at - now)}`;
}
