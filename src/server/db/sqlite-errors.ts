/** Extended result codes; https://sqlite.org/rescode.html */
const UNIQUE = 2067;
const FULL = 13;

/** Whether a row was refused because another one has the same unique value. */
export function isUniqueViolation(error: unknown): boolean {
  return resultCode(error) === UNIQUE;
}

/** Whether there is no space left for the database. Nothing of the transaction was kept. */
export function isDatabaseFull(error: unknown): boolean {
  return resultCode(error) === FULL;
}

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined;
}
