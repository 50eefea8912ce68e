import type { Clock } from '../../platform/clock.ts';
import { acquireLock } from '../../platform/lock.ts';
import { filesIn, useDataFolder } from '../data-folder.ts';
import type { ServerSettings } from '../settings.ts';
import { migrate } from './migrate.ts';
import { openDatabase } from './open-database.ts';

export interface MigrationResult {
  /** The file, or host and database. */
  database: string;
  /** Names of the migrations that were applied now, in order. */
  applied: string[];
}

/**
 * Migrates without serving. PostgreSQL may have servers at work: they know how to wait.
 *
 * @throws ServerStartError; LockHeldError while a server runs on the file
 */
export async function migrateFolder(
  settings: ServerSettings,
  clock: Clock,
): Promise<MigrationResult> {
  await using opened = new AsyncDisposableStack();
  if (settings.database.kind === 'sqlite') {
    await useDataFolder(settings.dataFolder);
    const path = filesIn(settings.dataFolder).lock;
    const lock = await acquireLock(path, { command: 'cloud server migrate', clock });
    opened.defer(() => lock.release());
  }
  const { db, name } = await openDatabase(settings);
  opened.defer(() => db.destroy());
  return { database: name, applied: await migrate(db, clock) };
}
