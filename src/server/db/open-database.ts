import { filesIn } from '../data-folder.ts';
import type { ServerSettings } from '../settings.ts';
import { openSqlite, type Database } from './sqlite.ts';
import type { Postgres } from './postgres.ts';

export interface OpenDatabase {
  db: Database;
  /** Undefined on SQLite. */
  postgres: Postgres | undefined;
  /** The file, or host and database. */
  name: string;
}

/** @throws ServerStartError `database-unreadable`, `database-unreachable` */
export async function openDatabase(
  settings: Pick<ServerSettings, 'database' | 'dataFolder'>,
): Promise<OpenDatabase> {
  const { database, dataFolder } = settings;
  if (database.kind === 'sqlite') {
    const path = filesIn(dataFolder).database;
    return { db: await openSqlite(path), postgres: undefined, name: path };
  }
  const { openPostgres } = await import('./postgres.ts');
  const postgres = await openPostgres(database);
  return { db: postgres.db, postgres, name: database.name };
}
