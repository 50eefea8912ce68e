/** Why there is no connection. */
export type CloseReason =
  /** It ended, as connections do: the server stops, a proxy's time is over. */
  | 'cut'
  /** Nothing came for 2.5 heartbeats. */
  | 'silent'
  /** This machine slept, or its clock was moved. */
  | 'slept'
  /** Something between us and the server keeps the answer back. */
  | 'buffered'
  | 'network'
  /** The server is busy, stopping or out of order. */
  | 'unavailable'
  /** The credential is refused. */
  | 'auth'
  /** The tenant is denied, or something else is not allowed now; an administrator may change that. */
  | 'denied'
  | 'not-our-server'
  /** What came is no event stream, or a line without end. */
  | 'garbled'
  /** This server has no events; it is not asked again. */
  | 'not-offered';

/** How a connection ended, or why there was none. */
export class StreamEnd extends Error {
  override readonly name = 'StreamEnd';
  readonly reason: CloseReason;
  /** What the server asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  constructor(reason: CloseReason, detail: string, retryAfterMs?: number) {
    super(detail);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The longest that a server may make us wait; milliseconds. */
export const LONGEST_RETRY_MS = 3_600_000;

/** What a person with a log can look up. */
export function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
