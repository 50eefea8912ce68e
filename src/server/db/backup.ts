import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { isErrno, syncFolder } from '../../platform/atomic-file.ts';
import { ServerStartError } from '../errors.ts';
import { filesIn } from '../data-folder.ts';
import type { ServerSettings } from '../settings.ts';

export interface BackupResult {
  folder: string;
  /** Names of the files in it. */
  files: string[];
  /** Whether objects of the embedded storage were left out. */
  objectsLeftOut: boolean;
}

/**
 * Copies database, key and admin token of a data folder, also of a server that runs, into a new folder
 * that can be started as it is. It appears under its name when it is complete.
 *
 * @throws ServerStartError `backup-exists`, `backup-elsewhere`, `database-unreadable`
 */
export async function backupFolder(
  { dataFolder, database, storage }: ServerSettings,
  target: string,
): Promise<BackupResult> {
  if (database.kind === 'postgres') throw elsewhere();
  const from = filesIn(dataFolder);
  const to = resolve(target);
  const unfinished = join(dirname(to), `.${basename(to)}.unfinished-${process.pid}`);
  await refuseExisting(to);
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  try {
    await copyDatabase(from.database, filesIn(unfinished).database);
    for (const name of [basename(from.masterKey), ADMIN_TOKEN]) {
      await copyIfThere(join(dataFolder, name), join(unfinished, name));
    }
    await syncFolder(unfinished);
    await rename(unfinished, to);
    await syncFolder(dirname(to));
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
  return { folder: to, files: await readdir(to), objectsLeftOut: storage.kind === 'embedded' };
}

const ADMIN_TOKEN = 'admin-token';

async function copyDatabase(from: string, to: string): Promise<void> {
  let source: DatabaseSync;
  try {
    source = new DatabaseSync(from, { readOnly: true, timeout: 5000 });
  } catch (cause) {
    throw new ServerStartError('database-unreadable', `The database ${from} cannot be opened.`, {
      suggestions: ['Name the data folder of the server: --data DIR'],
      cause,
    });
  }
  try {
    await backup(source, to);
    await chmod(to, 0o600);
  } finally {
    source.close();
  }
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

async function refuseExisting(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    if (isErrno(error, 'ENOTDIR')) return [basename(folder)];
    throw error;
  });
  if (names.length === 0) return;
  throw new ServerStartError('backup-exists', `${folder} is there already, and not empty.`, {
    suggestions: ['Name a folder that is not there yet.'],
  });
}

function elsewhere(): ServerStartError {
  return new ServerStartError('backup-elsewhere', 'The data of this server is in PostgreSQL.', {
    suggestions: ['pg_dump --format=custom "$DATABASE_URL" > cloud.dump'],
  });
}
