import * as z from 'zod/mini';

/** One line of what rclone writes with `--use-json-log`. Times are RFC 3339 with nanoseconds. */
export type RcloneLogEvent =
  /** A file was moved, or with `skipped` would have been but for `--dry-run`. */
  | (LogBase & {
      type: 'object';
      path: string;
      /** Bytes, where rclone says. */
      size: number | undefined;
      /** Which side the object that the line is about is on. */
      side: 'local' | 'remote';
      skipped: string | undefined;
    })
  | (LogBase & { type: 'stats'; stats: RcloneStats })
  | (LogBase & { type: 'message' })
  /** Not JSON: a panic, the text of a usage error, another program's output. */
  | { type: 'text'; message: string };

interface LogBase {
  level: 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical';
  message: string;
  time: string;
}

const statsSchema = z.object({
  bytes: z.number(),
  totalBytes: z.number(),
  transfers: z.number(),
  totalTransfers: z.number(),
  checks: z.number(),
  deletes: z.number(),
  renames: z.number(),
  errors: z.number(),
  /** Bytes a second. */
  speed: z.number(),
  /** Seconds. */
  elapsedTime: z.number(),
});
export type RcloneStats = z.infer<typeof statsSchema>;

const lineSchema = z.object({
  time: z.string(),
  level: z.enum(['debug', 'info', 'notice', 'warning', 'error', 'critical']),
  msg: z.string(),
  object: z.optional(z.string()),
  objectType: z.optional(z.string()),
  size: z.optional(z.number()),
  skipped: z.optional(z.string()),
  stats: z.optional(z.unknown()),
});

/** Parses one line; one that is not rclone's JSON is kept as text. */
export function parseLogLine(line: string): RcloneLogEvent {
  const parsed = lineSchema.safeParse(jsonOrUndefined(line));
  if (!parsed.success) return { type: 'text', message: line };
  const { time, level, msg, object, objectType, size, skipped, stats } = parsed.data;
  const base = { time, level, message: msg };
  const statistics = statsSchema.safeParse(stats);
  if (statistics.success) return { ...base, type: 'stats', stats: statistics.data };
  if (object !== undefined && objectType !== undefined) {
    const side = objectType.startsWith('*local.') ? 'local' : 'remote';
    return { ...base, type: 'object', path: object, size, side, skipped };
  }
  return { ...base, type: 'message' };
}

function jsonOrUndefined(line: string): unknown {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
