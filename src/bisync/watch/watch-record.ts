import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { isErrno, writeFileAtomic } from '../../platform/atomic-file.ts';
import { isRunning } from '../../platform/processes.ts';

const recordSchema = z.object({
  version: z.literal(1),
  /** New for every start; a socket of an older start is recognised by it. */
  nonce: z.string(),
  process: z.object({ pid: z.int(), startedAt: z.string() }),
  /** Where the watcher listens. */
  control: z.string(),
  command: z.string(),
  /** When it was started, RFC 3339. */
  at: z.string(),
});
/** The file by which other processes find the watcher of a pair. */
export type WatchRecord = z.infer<typeof recordSchema>;

/** The watcher of a pair that runs now; undefined when none does. */
export function runningWatcher(pairFolder: string): WatchRecord | undefined {
  const record = readRecord(pairFolder);
  return record !== undefined && isRunning(record.process) ? record : undefined;
}

function readRecord(pairFolder: string): WatchRecord | undefined {
  try {
    const text = readFileSync(recordPath(pairFolder), 'utf8');
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export async function writeWatchRecord(pairFolder: string, record: WatchRecord): Promise<void> {
  await writeFileAtomic(recordPath(pairFolder), `${JSON.stringify(record)}\n`);
}

/** A later watcher's record stays. */
export function removeWatchRecord(pairFolder: string, nonce: string): void {
  if (readRecord(pairFolder)?.nonce === nonce) rmSync(recordPath(pairFolder), { force: true });
}

function recordPath(pairFolder: string): string {
  return join(pairFolder, 'watch.json');
}
