import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import {
  Kysely,
  SqliteDialect,
  SqliteQueryCompiler,
  type SelectModifierNode,
  type SqliteDatabase,
  type SqliteStatement,
} from 'kysely';
import { isErrno, writeFileAtomic } from '../../platform/atomic-file.ts';
import { access } from 'node:fs/promises';
import { ServerStartError } from '../errors.ts';
import type { Schema } from './schema.ts';
import { isDatabaseFull } from './database-errors.ts';
import { isDiskFailure } from './sqlite-errors.ts';

export type Database = Kysely<Schema>;

const KEPT_STATEMENTS = 500;

/**
 * Opens or creates the database file with mode 0600, in WAL and with `synchronous = FULL`: what was
 * answered survives a power cut. One connection; Kysely queues queries and transactions on it.
 *
 * @throws ServerStartError `database-unreadable`, or the system's error
 */
export async function openSqlite(path: string): Promise<Database> {
  try {
    await access(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    // SQLite gives its journal files the mode of the database file.
    await writeFileAtomic(path, '');
  }
  let connection: DatabaseSync | undefined;
  try {
    connection = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  } catch (cause) {
    connection?.close();
    if (isDatabaseFull(cause) || isDiskFailure(cause)) throw cause;
    throw new ServerStartError('database-unreadable', `The database ${path} cannot be opened.`, {
      suggestions: ['Restore it from a backup, or start with another --data folder.'],
      cause,
    });
  }
  return new Kysely<Schema>({ dialect: new OneWriterDialect({ database: forKysely(connection) }) });
}

class OneWriterDialect extends SqliteDialect {
  override createQueryCompiler(): SqliteQueryCompiler {
    return new OneWriterQueryCompiler();
  }
}

const ROW_LOCKS = new Set<string | undefined>([
  'ForUpdate',
  'ForNoKeyUpdate',
  'ForShare',
  'SkipLocked',
]);

/** `for update` is for PostgreSQL: here a transaction is alone with the whole database. */
class OneWriterQueryCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (!ROW_LOCKS.has(node.modifier)) super.visitSelectModifier(node);
  }
}

/** `node:sqlite` in the shape that Kysely's SQLite driver asks for, keeping prepared statements. */
function forKysely(connection: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => {
      statements.clear();
      connection.close();
    },
    prepare: (text) => {
      const known = statements.get(text);
      if (known !== undefined) return known;
      if (statements.size >= KEPT_STATEMENTS) statements.clear();
      const statement =
        text === 'rollback' ? rollback(connection) : adapt(connection.prepare(toWrite(text)));
      statements.set(text, statement);
      return statement;
    },
  };
}

/**
 * A transaction that reads first and writes then would fail where another process has written in
 * between; so it takes its turn at once. https://sqlite.org/lang_transaction.html#immediate
 */
function toWrite(text: string): string {
  return text === 'begin' ? 'begin immediate' : text;
}

/**
 * A full disk ends the transaction by itself; then there is nothing to roll back, and complaining
 * about it would hide why. https://sqlite.org/lang_transaction.html#response_to_errors
 */
function rollback(connection: DatabaseSync): SqliteStatement {
  return {
    reader: false,
    all: () => [],
    iterate: () => [].values(),
    run: () => {
      if (connection.isTransaction) connection.exec('ROLLBACK');
      return { changes: 0, lastInsertRowid: 0 };
    },
  };
}

function adapt(statement: StatementSync): SqliteStatement {
  // Kysely binds what our types allow: text, integers and null.
  const values = (parameters: readonly unknown[]): SQLInputValue[] =>
    parameters as readonly SQLInputValue[] as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
