import type { Clock } from '../../platform/clock.ts';
import { acquireLock } from '../../platform/lock.ts';
import { useDataFolder } from '../data-folder.ts';
import { filesIn, type ServerSettings } from '../settings.ts';
import { migrate } from './migrate.ts';
import { openSqlite } from './sqlite.ts';

export interface MigrationResult {
  database: string;
  /** Names of the migrations that were applied now, in order. */
  applied: string[];
}

/** Migrates without serving. @throws ServerStartError; LockHeldError while a server runs there */
export async function migrateFolder(
  settings: ServerSettings,
  clock: Clock,
): Promise<MigrationResult> {
  await using opened = new AsyncDisposableStack();
  const files = filesIn(settings.dataFolder);
  await useDataFolder(settings.dataFolder);
  const lock = await acquireLock(files.lock, { command: 'cloud server migrate', clock });
  opened.defer(() => lock.release());
  const db = await openSqlite(files.database);
  opened.defer(() => db.destroy());
  return { database: files.database, applied: await migrate(db, clock) };
}
