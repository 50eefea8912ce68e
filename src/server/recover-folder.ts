import { existsSync } from 'node:fs';
import { adminTokenFile } from '../api/contract/local-server.ts';
import type { Clock } from '../platform/clock.ts';
import { acquireLock } from '../platform/lock.ts';
import { LockHeldError } from '../platform/lock-held-error.ts';
import { filesIn, useDataFolder } from './data-folder.ts';
import { migrate } from './db/migrate.ts';
import { openDatabase } from './db/open-database.ts';
import { replaceLostToken, type ReplacedToken } from './domain/lost-token.ts';
import { ServerStartError } from './errors.ts';
import type { ServerSettings } from './settings.ts';

/**
 * Makes an admin token where the server's data is, whether a server runs there or not: the token is
 * in force with the next request. @throws ServerStartError
 */
export async function recoverFolder(
  settings: ServerSettings,
  clock: Clock,
): Promise<ReplacedToken> {
  await using opened = new AsyncDisposableStack();
  mustBeServer(settings);
  await useDataFolder(settings.dataFolder);
  const running = await isRunning(settings, clock, opened);
  const { db } = await openDatabase(settings);
  opened.defer(() => db.destroy());
  // A server that runs has done so, and must not get another version's schema.
  if (!running) await migrate(db, clock);
  return await replaceLostToken(db, clock, adminTokenFile(settings.dataFolder));
}

/** A mistyped folder must not become a new server's. A database elsewhere is its own witness. */
function mustBeServer({ database, dataFolder }: ServerSettings): void {
  if (database.kind !== 'sqlite' || existsSync(filesIn(dataFolder).database)) return;
  throw new ServerStartError('no-server', `There is no server's data in ${dataFolder}.`, {
    suggestions: ['Name its folder: cloud server recover --data DIR'],
  });
}

async function isRunning(
  settings: ServerSettings,
  clock: Clock,
  opened: AsyncDisposableStack,
): Promise<boolean> {
  const path = filesIn(settings.dataFolder).lock;
  try {
    const lock = await acquireLock(path, { command: 'cloud server recover', clock });
    opened.defer(() => lock.release());
    return false;
  } catch (error) {
    if (error instanceof LockHeldError) return true;
    throw error;
  }
}
