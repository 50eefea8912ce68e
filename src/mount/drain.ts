import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count } from '../output/format.ts';
import type { Clock } from '../platform/clock.ts';
import type { QueuedUpload, Vfs } from './vfs.ts';

export interface DrainProgress {
  /** Files that are not in the bucket yet, those under way included. */
  pending: { name: string; size: number; uploading: boolean; tries: number }[];
  /** Bytes that are still to be sent. */
  bytesLeft: number;
}

export interface DrainOptions {
  clock: Clock;
  /** Give up after this many milliseconds, whatever happens. Default: no such limit. */
  timeoutMs?: number | undefined;
  /** Give up after this many milliseconds in which nothing was sent. Default one minute. */
  stallMs?: number;
  signal?: AbortSignal;
  onProgress?: (progress: DrainProgress) => void;
}

const POLL_MS = 100;
/** An upload that failed is tried again at this pace while somebody waits for it. */
const EXPEDITE_EVERY_MS = 2000;

/**
 * Pushes out everything that waits in rclone's upload queue and returns when it is empty. Neither
 * SIGTERM nor `mount/unmount` would do so; rclone leaves it to the next mount.
 *
 * @throws AbortError `uploads-pending` (13) with the names when the time is up
 */
export async function drainUploads(vfs: Vfs, options: DrainOptions): Promise<void> {
  const { clock, signal } = options;
  const start = clock.now();
  const expedited = new Map<number, number>();
  const movement = watchMovement(start);
  for (;;) {
    signal?.throwIfAborted();
    const [queue, stats] = await Promise.all([vfs.queue(), vfs.stats()]);
    const busy = stats.uploadsInProgress + stats.uploadsQueued;
    if (queue.length === 0 && busy === 0) {
      options.onProgress?.({ pending: [], bytesLeft: 0 });
      return;
    }
    const now = clock.now();
    for (const { id, uploading } of queue) {
      const last = expedited.get(id);
      if (uploading || (last !== undefined && now - last < EXPEDITE_EVERY_MS)) continue;
      expedited.set(id, now);
      await vfs.expedite(id);
    }
    const { transferring, lastError } = await vfs.transfers();
    options.onProgress?.(progressOf(queue, transferring));
    movement.see(queue, transferring, now);
    const late = options.timeoutMs !== undefined && now - start >= options.timeoutMs;
    if (late || now - movement.last() >= (options.stallMs ?? 60_000)) {
      throw notDrained(queue, lastError, late);
    }
    await clock.sleep(POLL_MS, signal);
  }
}

/** Something moves when the set of files changes, or more of one was sent than ever before. */
function watchMovement(start: number): {
  see(queue: QueuedUpload[], transferring: { name: string; bytes: number }[], now: number): void;
  last(): number;
} {
  let last = start;
  let ids = '';
  const furthest = new Map<string, number>();
  return {
    see: (queue, transferring, now) => {
      const current = queue.map((entry) => entry.id).join();
      if (current !== ids) last = now;
      ids = current;
      for (const { name, bytes } of transferring) {
        if (bytes <= (furthest.get(name) ?? 0)) continue;
        furthest.set(name, bytes);
        last = now;
      }
    },
    last: () => last,
  };
}

function progressOf(
  queue: QueuedUpload[],
  transferring: { name: string; bytes: number }[],
): DrainProgress {
  const sent = new Map(transferring.map(({ name, bytes }) => [name, bytes]));
  return {
    pending: queue.map(({ name, size, uploading, tries }) => ({ name, size, uploading, tries })),
    bytesLeft: queue.reduce(
      (sum, { name, size }) => sum + Math.max(0, size - (sent.get(name) ?? 0)),
      0,
    ),
  };
}

function notDrained(
  queue: QueuedUpload[],
  lastError: string | undefined,
  late: boolean,
): AbortError {
  const files = count(queue.length, 'file');
  const why = lastError === undefined ? '' : ` The storage said: ${lastError}`;
  return new AbortError(
    'uploads-pending',
    late
      ? `The time is up, and ${files} could not be uploaded yet.${why}`
      : `${files} could not be uploaded: nothing moves any more.${why}`,
    {
      exitCode: ExitCode.mount,
      suggestions: [
        'Nothing is lost, and the folder is still mounted. Try again when the storage is reached.',
        'cloud unmount --force   (keeps them on this disk; the next cloud mount uploads them)',
      ],
      details: { pending: queue.map(({ name, size, tries }) => ({ name, size, tries })) },
    },
  );
}
