import { askControl, NoAnswerError } from '../../control/control.ts';
import { AbortError } from '../../output/errors.ts';
import { FlushAnswer, ViewAnswer, type WatchQuestion } from './questions.ts';
import { runningWatcher, type WatchRecord } from './watch-record.ts';
import type { FlushResult, WatchView } from './watcher.ts';

/** `cloud status` must not wait longer for a watcher that hangs; milliseconds. */
const VIEW_WITHIN_MS = 400;
/** Pausing waits for the file in hand. */
const PAUSE_WITHIN_MS = 120_000;

/** A running watcher as another process sees it. */
export interface WatcherReport {
  pid: number;
  /** Since when it runs, RFC 3339. */
  startedAt: string;
  /** Null when it does not answer. */
  view: WatchView | null;
}

/** How the watcher of a pair is doing, within half a second; undefined when none runs. */
export async function watcherReport(pairFolder: string): Promise<WatcherReport | undefined> {
  const record = runningWatcher(pairFolder);
  if (record === undefined) return undefined;
  const view = await ask(record, { type: 'view' }, { silenceMs: VIEW_WITHIN_MS })
    .then((answer) => ViewAnswer.parse(answer))
    .catch(() => null);
  return { pid: record.process.pid, startedAt: record.at, view };
}

/**
 * Has the watcher of a pair move all that was saved before. Undefined when none runs.
 *
 * @param limits `timeoutMs`: how long to wait at most
 * @throws AbortError `flush-timeout` (1), `paused` (1), `offline` (5), `watcher-silent` (1)
 */
export async function flushWatcher(
  pairFolder: string,
  limits: { timeoutMs?: number | undefined; signal: AbortSignal },
): Promise<FlushResult | undefined> {
  const record = runningWatcher(pairFolder);
  if (record === undefined) return undefined;
  const { timeoutMs, signal } = limits;
  const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const until = limit === undefined ? signal : AbortSignal.any([signal, limit]);
  try {
    // A socket that stays open is its sign of life: a large file may take its time.
    const answer = await ask(record, { type: 'flush' }, { silenceMs: 0, signal: until });
    return FlushAnswer.parse(answer);
  } catch (error) {
    if (limit?.aborted !== true || signal.aborted) throw error;
    throw flushTimeout(timeoutMs ?? 0);
  }
}

/** The time was not enough; what waits is moved nevertheless. */
export function flushTimeout(timeoutMs: number): AbortError {
  return new AbortError(
    'flush-timeout',
    `Not everything was synced within ${timeoutMs / 1000} s; it goes on.`,
    { suggestions: ['See what waits: cloud status', 'Wait longer: cloud flush --timeout 10m'] },
  );
}

/** @returns undefined when no watcher runs */
export async function pauseWatcher(
  pairFolder: string,
  until: number | null,
): Promise<WatchView | undefined> {
  return changed(pairFolder, { type: 'pause', until });
}

/** @returns undefined when no watcher runs */
export async function resumeWatcher(pairFolder: string): Promise<WatchView | undefined> {
  return changed(pairFolder, { type: 'resume' });
}

async function changed(
  pairFolder: string,
  question: WithoutNonce<WatchQuestion>,
): Promise<WatchView | undefined> {
  const record = runningWatcher(pairFolder);
  if (record === undefined) return undefined;
  return ViewAnswer.parse(await ask(record, question, { silenceMs: PAUSE_WITHIN_MS }));
}

type WithoutNonce<T> = T extends unknown ? Omit<T, 'nonce'> : never;

async function ask(
  record: WatchRecord,
  question: WithoutNonce<WatchQuestion>,
  options: { silenceMs: number; signal?: AbortSignal },
): Promise<unknown> {
  try {
    return await askControl(record.control, { ...question, nonce: record.nonce }, options);
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    throw new AbortError(
      'watcher-silent',
      `The watcher (process ${record.process.pid}) does not answer.`,
      {
        suggestions: [
          `Look at it: cloud doctor`,
          `End it and start it again: kill ${record.process.pid}`,
        ],
        cause: error,
      },
    );
  }
}
