import { join } from 'node:path';
import * as z from 'zod/mini';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import { parseJson, type Pair, type PairRecord } from './pair.ts';

/** The marker inside the local root. */
export const MARKER = '.cloud-pair.json';
/**
 * `mark` is random: the id tells only where the folder is and with what it is synced, and two disks that
 * take turns at one place would pass for each other.
 */
const markerSchema = z.object({ pair: z.string(), mark: z.optional(z.string()) });
type Marker = z.infer<typeof markerSchema>;

/**
 * Whether the local root still is the one of this pair. An unmounted disk or a swapped folder has
 * no marker, or another one. A pair that is new here, without a record, may have none yet.
 *
 * @throws AbortError `halted-marker-missing` (78)
 */
export async function checkMarker(pair: Pair, record: PairRecord | undefined): Promise<void> {
  const marker = await readMarker(pair.root);
  const isOurs =
    record === undefined
      ? marker === undefined || marker.pair === pair.id
      : isMarkerOf(marker, record);
  if (isOurs) return;
  const reason =
    marker === undefined
      ? `The folder marker ${MARKER} is missing in ${pair.root}`
      : marker.pair === pair.id
        ? `Another folder than the one that was synced here last is at ${pair.root}`
        : `The folder ${pair.root} was synced as another folder or with another bucket`;
  throw rootIsAnother(pair, `${reason}; nothing was changed`);
}

/** Whether it is the marker of the very folder that the pair was last synced with. */
export function isMarkerOf(
  marker: Marker | undefined,
  { id, mark }: Pick<PairRecord, 'id' | 'mark'>,
): boolean {
  return marker?.pair === id && marker.mark === mark;
}

/** What a folder says of itself; undefined when it says nothing. */
export async function readMarker(root: string): Promise<Marker | undefined> {
  return parseJson(markerSchema, await readTextIfExists(join(root, MARKER)));
}

/** The local root is not, or not any more, the folder of this pair. `reason` is without a full stop. */
export function rootIsAnother(pair: Pair, reason: string): AbortError {
  return new AbortError('halted-marker-missing', `${reason}.`, {
    exitCode: ExitCode.needsPerson,
    suggestions: [
      'Is its disk mounted, and is it the right folder?',
      'If it is, this keeps what both sides have and deletes nothing: cloud bisync --resync',
    ],
    details: { root: pair.root, pairId: pair.id },
  });
}

export async function writeMarker({
  id,
  root,
  mark,
}: Pick<PairRecord, 'id' | 'root' | 'mark'>): Promise<void> {
  await writeFileAtomic(join(root, MARKER), `${JSON.stringify({ pair: id, mark })}\n`);
}
