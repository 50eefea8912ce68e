const IOERR = 10;

/**
 * Whether the disk failed under SQLite. On a full one it says so too, when what does not fit is its
 * journal or shared memory. The low byte of an extended code is the kind.
 */
export function isDiskFailure(error: unknown): boolean {
  return ((resultCode(error) ?? 0) & 0xff) === IOERR;
}

/** Extended result code; https://sqlite.org/rescode.html */
export function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined;
}
