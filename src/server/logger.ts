type Log = (fields: object, text: string) => void;

/** What parts of the server that know no HTTP say; in the log of the application. */
export interface Logger {
  info: Log;
  warn: Log;
  error: Log;
}
