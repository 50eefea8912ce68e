import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { sql } from 'kysely';
import pg from 'pg';
import { inject } from 'vitest';
import { openPostgres } from '../../src/server/db/postgres.ts';
import { openSqlite, type Database } from '../../src/server/db/sqlite.ts';

/** What servers of tests keep their data in: the server tests run once for each (vitest.config.ts). */
export const testDatabase =
  process.env['CLOUD_TEST_DATABASE'] === 'postgres' ? 'postgres' : 'sqlite';

export const TEMPLATE = 'cloud_template';

export interface PostgresDatabase extends AsyncDisposable {
  url: string;
}

/** A database of its own in the run's PostgreSQL. `empty`: without our tables. */
export async function createPostgresDatabase(
  options: { empty?: boolean } = {},
): Promise<PostgresDatabase> {
  const postgres = await text(connect(inject('postgresPort'), '127.0.0.1'));
  const name = `test_${randomBytes(8).toString('hex')}`;
  const template = options.empty === true ? '' : ` template ${TEMPLATE}`;
  await query(postgres, `create database ${name}${template}`);
  return {
    url: inDatabase(postgres, name),
    [Symbol.asyncDispose]: () => query(postgres, `drop database ${name} with (force)`),
  };
}

export function inDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

export async function query(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

const byFolder = new Map<string, PostgresDatabase>();

/** The environment of a server with this data folder; a later one there has the same data. */
export async function databaseEnvironment(dataFolder: string): Promise<NodeJS.ProcessEnv> {
  if (testDatabase === 'sqlite') return {};
  // A process that a test has started is told.
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL !== undefined) return { DATABASE_URL };
  const database = byFolder.get(dataFolder) ?? (await createPostgresDatabase());
  byFolder.set(dataFolder, database);
  return { DATABASE_URL: database.url };
}

export async function dropDatabaseOf(dataFolder: string): Promise<void> {
  const database = byFolder.get(dataFolder);
  byFolder.delete(dataFolder);
  await database?.[Symbol.asyncDispose]();
}

/** Another connection to the data of a server: to look, or to make trouble. Close it with `destroy`. */
export async function openDatabaseOf(server: { dataFolder: string }): Promise<Database> {
  const { dataFolder } = server;
  const url = byFolder.get(dataFolder)?.url;
  if (url === undefined) return openSqlite(join(dataFolder, 'server.sqlite'));
  return (await openPostgres({ kind: 'postgres', url, name: 'test', poolSize: 2 })).db;
}

/** Everything that the database of a server holds, as it is stored. */
export async function storedTextOf(server: { dataFolder: string }): Promise<string> {
  const { dataFolder } = server;
  if (testDatabase === 'sqlite') {
    const files = (await readdir(dataFolder)).filter((name) => name.includes('sqlite'));
    if (!files.includes('server.sqlite-wal')) throw new Error('where is its journal?');
    const texts = await Promise.all(
      files.map((name) => readFile(join(dataFolder, name), 'latin1')),
    );
    return texts.join('');
  }
  const db = await openDatabaseOf(server);
  try {
    const { rows: tables } = await sql<{ tablename: string }>`
      select tablename from pg_tables where schemaname = current_schema()`.execute(db);
    const contents = await Promise.all(
      tables.map(({ tablename }) => sql`select * from ${sql.table(tablename)}`.execute(db)),
    );
    return JSON.stringify(contents.map(({ rows }) => rows));
  } finally {
    await db.destroy();
  }
}
