import * as z from 'zod/mini';

/** What only the running supervisor knows; its answer to `status`. */
export const LiveStatus = z.object({
  /** Whether rclone answered within its time. */
  answers: z.boolean(),
  /** For how many milliseconds it has been owing an answer. */
  silentMs: z.number(),
  pending: z.array(
    z.object({ name: z.string(), size: z.number(), uploading: z.boolean(), tries: z.number() }),
  ),
  /** Bytes of the cache on this disk. */
  cacheBytes: z.nullable(z.number()),
  /** How changes made elsewhere come to show now. */
  freshness: z.enum(['events', 'seconds']),
});
export type LiveStatus = z.infer<typeof LiveStatus>;

/** Progress of an unmount. */
export const DrainEvent = z.object({
  pending: z.array(
    z.object({ name: z.string(), size: z.number(), uploading: z.boolean(), tries: z.number() }),
  ),
  bytesLeft: z.number(),
});

/** What stays in the cache after an unmount. */
export const Kept = z.object({
  files: z.array(z.object({ name: z.string(), size: z.number() })),
  bytes: z.number(),
  complete: z.boolean(),
});
