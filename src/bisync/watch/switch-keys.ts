import { askControl } from '../../control/control.ts';
import type { Host } from '../../platform/host.ts';
import { pairFolder, readPairs } from '../pair.ts';
import { KeyAnswer } from './questions.ts';
import { runningWatcher, type WatchRecord } from './watch-record.ts';

/** So long at least an answer may take. */
const ANSWER_MS = 1000;

/**
 * Gets the running watchers of a context to use the stored key, and waits until nothing of theirs
 * uses another: an upload under way ends with the key that it began with.
 *
 * @param waitMs how long to wait
 * @returns the folders of those that still use another key then, or did not answer
 */
export async function switchWatcherKeys(
  host: Host,
  wanted: { context: string; bucket: string; credentialId: string; waitMs: number },
  signal: AbortSignal,
): Promise<string[]> {
  const pairs = (await readPairs(host)).filter(({ bucket }) => bucket === wanted.bucket);
  const until = AbortSignal.any([signal, AbortSignal.timeout(Math.max(wanted.waitMs, ANSWER_MS))]);
  const left = await Promise.all(
    pairs.map(async ({ id, root }) => {
      const record = runningWatcher(pairFolder(host, id));
      if (record === undefined) return [];
      return (await hasSwitched(record, wanted, until)) ? [] : [root];
    }),
  );
  signal.throwIfAborted();
  return left.flat();
}

/** One that cannot be asked keeps its key, and takes the new one when the old is refused. */
async function hasSwitched(
  { control, nonce }: WatchRecord,
  wanted: { context: string; credentialId: string },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    // A socket that stays open is its sign of life.
    const options = { silenceMs: 0, signal };
    const answer = await askControl(control, { type: 'use-stored-key', nonce }, options);
    const { context, credentialId } = KeyAnswer.parse(answer);
    return context !== wanted.context || credentialId === wanted.credentialId;
  } catch {
    return false;
  }
}
