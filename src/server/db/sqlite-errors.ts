/** Extended result codes; https://sqlite.org/rescode.html */
const UNIQUE = 2067;
const FULL = 13;
const IOERR = 10;

/** Whether a row was refused because another one has the same unique value. */
export function isUniqueViolation(error: unknown): boolean {
  return resultCode(error) === UNIQUE;
}

/** Whether there is no space left for the database. Nothing of the transaction was kept. */
export function isDatabaseFull(error: unknown): boolean {
  return resultCode(error) === FULL;
}

/**
 * Whether the disk failed under SQLite. On a full one it says so too, when what does not fit is its
 * journal or shared memory. The low byte of an extended code is the kind.
 */
export function isDiskFailure(error: unknown): boolean {
  return ((resultCode(error) ?? 0) & 0xff) === IOERR;
}

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined;
}
