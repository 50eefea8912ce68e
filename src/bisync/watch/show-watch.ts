import { count, formatBytes, formatDuration } from '../../output/format.ts';
import type { Output } from '../../output/output.ts';
import { redact } from '../../output/redact.ts';
import { Repaint } from '../../output/repaint.ts';
import type { BisyncEvent } from '../run-context.ts';
import type { PairState } from '../states.ts';
import { changeWord, presentView } from './present-watch.ts';
import type { WatchChange, WatchEnd, Watcher, WatchEvent } from './watcher.ts';

/** Ages on the screen go on although nothing happens. */
const REDRAW_EVERY_MS = 1000;

const UNWELL: readonly string[] = ['notice', 'problem', 'warning'];
const PASSING: readonly PairState[] = ['scanning', 'syncing'];

/**
 * Shows a watcher for as long as it runs: a picture that is drawn over on a terminal; a line for
 * each thing that happened elsewhere, with its time, for a log; each event under `--json`.
 *
 * @returns how to end it
 */
export function showWatch(watcher: Watcher, out: Output, now: () => number): () => void {
  if (out.options.animated) return drawWatch(watcher, out, now);
  const { root, bucket, profile, state } = watcher.view();
  out.event({ type: 'watching', root, bucket, profile, state, pid: process.pid });
  const say = (text: string): void => {
    if (!out.options.quiet) out.line(`${new Date(now()).toISOString()} ${text}`);
  };
  return tellWatch(watcher, {
    say: (text) => say(text),
    onEvent: (event) => out.event({ ...event }),
    ending: '; Ctrl-C ends it',
  });
}

/**
 * Tells what a watcher does, a sentence for each thing that happened.
 *
 * @returns how to end it
 */
export function tellWatch(
  watcher: Watcher,
  to: {
    say: (text: string, level: 'info' | 'warn') => void;
    onEvent?: (event: BisyncEvent | WatchEvent) => void;
    /** How a person ends it, behind the first sentence. */
    ending?: string;
  },
): () => void {
  const first = watcher.view();
  const { root, bucket, profile } = first;
  to.say(`watching ${root} and the bucket ${bucket} (${profile})${to.ending ?? ''}`, 'info');
  if (first.state === 'paused') to.say(`paused: ${first.message}`, 'info');
  let state: PairState | undefined;
  return watcher.onEvent((event) => {
    // Told as changes, with their lag.
    if (isTold(event)) return;
    to.onEvent?.(event);
    if (event.type === 'state') {
      // At work and done again is no news; what hinders it is, and that it is over.
      if (event.state === state || PASSING.includes(event.state)) return;
      state = event.state;
    }
    const text = textOf(event);
    if (text !== undefined) to.say(text, UNWELL.includes(event.type) ? 'warn' : 'info');
  });
}

/** The last words of a watcher that was stopped. */
export function presentEnd({ changes, durationMs, graceful }: WatchEnd): string {
  const rest = graceful ? '' : ' What was cut off goes on with the next start.';
  return `Stopped after ${formatDuration(durationMs)} and ${count(changes, 'change')}.${rest}`;
}

function isTold({ type }: BisyncEvent | WatchEvent): boolean {
  return type === 'uploaded' || type === 'downloaded' || type === 'deleted';
}

function drawWatch(watcher: Watcher, out: Output, now: () => number): () => void {
  const screen = new Repaint(out.options.stdout);
  const draw = (): void => screen.draw(redact(presentView(watcher.view(), out, now())));
  const endViews = watcher.onView(draw);
  const timer = setInterval(draw, REDRAW_EVERY_MS);
  draw();
  return () => {
    endViews();
    clearInterval(timer);
    draw();
    screen.end();
  };
}

/** One line of a log, or undefined for what is only progress. */
function textOf(event: BisyncEvent | WatchEvent): string | undefined {
  switch (event.type) {
    case 'change':
      return changeText(event);
    case 'state':
      return `${event.state}: ${event.message}`;
    case 'notice':
      return event.cure === null ? event.message : `${event.message} ${event.cure}`;
    case 'conflict':
      return `conflict: both versions of ${event.path} were kept; the other is ${event.copy}`;
    case 'problem':
    case 'warning':
      return `not well: ${event.message}`;
    default:
      return undefined;
  }
}

function changeText(change: WatchChange): string {
  const { path, size, lagMs } = change;
  const parts = [
    size === null ? undefined : formatBytes(size),
    lagMs === null ? undefined : `after ${formatDuration(lagMs)}`,
  ].filter((part) => part !== undefined);
  return `${changeWord(change)}: ${path}${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`;
}
