import { DatabaseSync } from 'node:sqlite';
import { readFileSync, rmSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { ensurePrivateFolder, writeFileAtomic } from './atomic-file.ts';
import { systemClock, type Clock } from './clock.ts';
import { LockHeldError, type LockOwner } from './lock-held-error.ts';
import { currentProcess } from './processes.ts';

export interface Lock {
  release(): void;
}

export interface LockOptions {
  command: string;
  /** How long to wait for the owner, in milliseconds. Default 0: fail at once. */
  waitMs?: number;
  signal?: AbortSignal;
  clock?: Clock;
}

/**
 * A lock across processes that the operating system ends with its owner: an exclusive transaction
 * on a small SQLite file. Nothing is left to clean up after kill -9, and no two processes can
 * both take over a dead owner's lock (docs/adr/0003-locks.md). Who holds it is written beside it,
 * for people to read.
 *
 * @throws LockHeldError when `waitMs` is over
 */
export async function acquireLock(path: string, options: LockOptions): Promise<Lock> {
  const clock = options.clock ?? systemClock;
  await ensurePrivateFolder(dirname(path));
  const deadline = clock.now() + (options.waitMs ?? 0);
  for (;;) {
    const database = tryExclusive(path);
    if (database !== undefined) return owned(path, database, options.command, clock);
    if (clock.now() >= deadline) throw new LockHeldError(path, readLockOwner(path));
    await clock.sleep(50, options.signal);
  }
}

const ownerSchema = z.object({
  pid: z.number(),
  startedAt: z.string(),
  command: z.string(),
  since: z.string(),
});

/** Who wrote their name beside the lock last; they may have died since. */
export function readLockOwner(path: string): LockOwner | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(readFileSync(ownerPath(path), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Whether some process holds the lock now. */
export function isLocked(path: string): boolean {
  const database = tryExclusive(path);
  if (database === undefined) return true;
  database.close();
  return false;
}

function tryExclusive(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // In memory: a lock has no content, so there is no journal file to recover after a crash.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && /database is locked/.test(error.message)) return undefined;
    if (error instanceof Error && /not a database|malformed/.test(error.message)) {
      // What is no database holds no lock. It is emptied in place, not replaced: whoever took the
      // lock meanwhile has it on this very file, and emptying it once more changes nothing.
      truncateSync(path);
      return tryExclusive(path);
    }
    throw error;
  }
}

/** Keeps locks alive whose `Lock` nobody holds on to: a collected database would let go of it. */
const held = new Set<DatabaseSync>();

async function owned(
  path: string,
  database: DatabaseSync,
  command: string,
  clock: Clock,
): Promise<Lock> {
  const owner: LockOwner = {
    ...currentProcess(),
    command,
    since: new Date(clock.now()).toISOString(),
  };
  try {
    await writeFileAtomic(ownerPath(path), JSON.stringify(owner));
  } catch (error) {
    database.close();
    throw error;
  }
  held.add(database);
  return {
    release: () => {
      if (!held.delete(database)) return;
      rmSync(ownerPath(path), { force: true });
      database.close();
    },
  };
}

function ownerPath(path: string): string {
  return `${path}.owner.json`;
}
