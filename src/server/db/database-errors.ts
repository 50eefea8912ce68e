import { resultCode as sqliteCode } from './sqlite-errors.ts';

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const UNIQUE_VIOLATION = '23505';
const UNSTORABLE_CHARACTER = '22021';
const SQLITE_CONSTRAINT_UNIQUE = 2067;
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555;
const SQLITE_FULL = 13;
const DISK_FULL = '53100';
/** Two transactions got in each other's way; one was rolled back and may simply be repeated. */
const REPEATABLE = new Set(['40001', '40P01']);

/** Of the connection (08), of resources (53), stopped by an operator or by a time-out (57, 55P03, 25P03). */
const UNAVAILABLE = /^(?:08...|53[0-4]..|57...|55P03|25P03|40001|40P01)$/;

/** The database cannot be reached, or did not answer in time. Nobody knows what of a commit it kept. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
  constructor(cause: unknown) {
    super('The database does not answer.', { cause });
  }
}

/** Whether a row was refused because another one has the same unique value. */
export function isUniqueViolation(error: unknown): boolean {
  const code = sqliteCode(error);
  if (code !== undefined) {
    return code === SQLITE_CONSTRAINT_UNIQUE || code === SQLITE_CONSTRAINT_PRIMARYKEY;
  }
  return sqlState(error) === UNIQUE_VIOLATION;
}

/** Whether there is no space left for the database. Nothing of the transaction was kept. */
export function isDatabaseFull(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_FULL || sqlState(error) === DISK_FULL;
}

/** Whether PostgreSQL was given a character that no text of its can hold: NUL. SQLite takes it. */
export function isUnstorableText(error: unknown): boolean {
  return sqlState(error) === UNSTORABLE_CHARACTER;
}

/** Whether the same request may well succeed a little later. */
export function isDatabaseUnavailable(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError || UNAVAILABLE.test(sqlState(error) ?? 'none');
}

/** Whether a transaction was rolled back only because of another one. */
export function isRepeatable(error: unknown): boolean {
  return REPEATABLE.has(sqlState(error) ?? 'none');
}

/** Five letters and digits; undefined for what does not come from PostgreSQL. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && 'severity' in error && 'code' in error ? error.code : '';
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
