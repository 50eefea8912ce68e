import * as z from 'zod/mini';

/** `GET /version`. */
export const ServerVersion = z.object({ name: z.literal('cloud'), version: z.string() });
export type ServerVersion = z.infer<typeof ServerVersion>;
