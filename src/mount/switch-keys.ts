import { askControl, NoAnswerError } from '../control/control.ts';
import type { Host } from '../platform/host.ts';
import { isServed, isSupervised, listRecords, readRecord, type MountRecord } from './record.ts';

const SILENCE_MS = 10_000;
const LOOK_EVERY_MS = 200;

/**
 * Gets the running mounts of a context to use the stored keys, and waits until they do. A mount
 * whose rclone must be started anew for that waits until nothing is uploaded or held open.
 *
 * @param waitMs how long to wait
 * @returns those that still use other keys then
 */
export async function switchMountKeys(
  host: Host,
  wanted: { context: string; credentialId: string; waitMs: number },
  signal: AbortSignal,
): Promise<MountRecord[]> {
  const { clock, places } = host;
  const ids = listRecords(places)
    .filter((record) => record.context === wanted.context && isServed(record))
    .map(({ id }) => id);
  const waiting = (): MountRecord[] =>
    ids
      .map((id) => readRecord(places, id))
      .filter((record) => record !== undefined)
      .filter((record) => usesOthers(record, wanted.credentialId));
  for (const record of waiting()) await tell(record, signal);
  const ends = clock.now() + wanted.waitMs;
  while (waiting().length > 0 && clock.now() < ends) await clock.sleep(LOOK_EVERY_MS, signal);
  return waiting();
}

/** One that is being started anew has taken the keys that are stored, and is not there yet. */
function usesOthers(record: MountRecord, credentialId: string): boolean {
  if (record.credentialId !== credentialId) return isServed(record) || isSupervised(record);
  return isSupervised(record) && record.state === 'mounting';
}

/** One that cannot be asked keeps its keys, and is told of at the end. */
async function tell({ control, nonce }: MountRecord, signal: AbortSignal): Promise<void> {
  if (control === null) return;
  try {
    await askControl(
      control,
      { type: 'use-stored-keys', nonce },
      { silenceMs: SILENCE_MS, signal },
    );
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
  }
}
