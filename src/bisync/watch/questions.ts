import * as z from 'zod/mini';
import { PAIR_STATES } from '../states.ts';
import type { FlushResult, KeyInUse, WatchView } from './watcher.ts';

/** What a running watcher can be asked over its socket. */
export const WatchQuestion = z.discriminatedUnion('type', [
  z.object({ type: z.literal('view'), nonce: z.string() }),
  z.object({ type: z.literal('flush'), nonce: z.string() }),
  /** `until`: milliseconds since the epoch; null: until somebody resumes it. */
  z.object({ type: z.literal('pause'), nonce: z.string(), until: z.nullable(z.number()) }),
  z.object({ type: z.literal('resume'), nonce: z.string() }),
  /** Use the bucket key that is stored now. */
  z.object({ type: z.literal('use-stored-key'), nonce: z.string() }),
]);
export type WatchQuestion = z.infer<typeof WatchQuestion>;

const direction = z.enum(['up', 'down']);
const time = z.number();

/** The answer to `view`, `pause` and `resume`. */
export const ViewAnswer: z.ZodMiniType<WatchView> = z.object({
  ...{ state: z.enum(PAIR_STATES), message: z.string(), since: time },
  ...{ root: z.string(), bucket: z.string(), profile: z.enum(['safe', 'balanced', 'fast']) },
  ...{ local: z.enum(['events', 'polling']), localNotice: z.nullable(z.string()) },
  remote: z.enum(['events', 'interval', 'reconnecting']),
  ...{ lane: z.enum(['open', 'closed']), laneNotice: z.nullable(z.string()) },
  queue: z.array(z.object({ path: z.string(), direction, since: time })),
  queued: z.number(),
  moving: z.nullable(
    z.object({ path: z.string(), direction, size: z.number(), bytes: z.number() }),
  ),
  recent: z.array(
    z.object({
      ...{ path: z.string(), direction, kind: z.enum(['saved', 'deleted', 'conflict']) },
      ...{ via: z.enum(['lane', 'run']), at: time },
      ...{ lagMs: z.nullable(z.number()), size: z.nullable(z.number()) },
    }),
  ),
  openConflicts: z.number(),
  ...{ pausedUntil: z.nullable(time), lastComparedAt: z.nullable(time) },
  nextComparisonAt: z.nullable(time),
  problems: z.array(z.object({ message: z.string(), cure: z.nullable(z.string()) })),
});

/** The answer to `use-stored-key`. */
export const KeyAnswer: z.ZodMiniType<KeyInUse> = z.object({
  ...{ context: z.string(), credentialId: z.string() },
});

/** The answer to `flush`. */
export const FlushAnswer: z.ZodMiniType<FlushResult> = z.object({
  ...{ changes: z.number(), durationMs: z.number(), openConflicts: z.number() },
  problems: z.array(z.object({ path: z.string(), message: z.string() })),
});
