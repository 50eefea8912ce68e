import * as z from 'zod/mini';

/** What a supervisor can be asked over its socket. */
export const MountQuestion = z.discriminatedUnion('type', [
  z.object({ type: z.literal('status'), nonce: z.string() }),
  /** The stored keys were replaced: to be taken over as soon as nobody notices. */
  z.object({ type: z.literal('use-stored-keys'), nonce: z.string() }),
  z.object({
    type: z.literal('unmount'),
    nonce: z.string(),
    force: z.boolean(),
    timeoutMs: z.optional(z.number()),
  }),
]);
export type MountQuestion = z.infer<typeof MountQuestion>;
