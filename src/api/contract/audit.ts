import * as z from 'zod/mini';
import { ChainFault } from './audit-chain.ts';
import { Next, pageQuery } from './page.ts';

const Time = z.iso.datetime({ offset: true });
const Ref = z.string().check(z.minLength(1), z.maxLength(256));

/**
 * Of the query of `GET /api/v1/admin/audit-events` (scope `audit:read`). `tenant`: id or slug.
 * `actor`: `user:<id>`, `credential:<id>`, `server`, or a user name, which stands for the user and
 * all of its keys. `order`: `asc` from the first on, by default; `after` is a `seq`.
 */
export const AuditQuery = z.strictObject({
  limit: pageQuery.limit,
  after: z.optional(z.coerce.number().check(z.int(), z.minimum(0))),
  order: z.optional(z.enum(['asc', 'desc'])),
  since: z.optional(Time),
  until: z.optional(Time),
  tenant: z.optional(Ref),
  actor: z.optional(Ref),
  type: z.optional(z.string().check(z.regex(/^[A-Za-z]{1,64}$/))),
});
export type AuditQuery = z.infer<typeof AuditQuery>;

export const AuditEvent = z.object({
  /** From 1, without gaps. */
  seq: z.number(),
  id: z.string(),
  time: z.string(),
  /** `TenantCreatedEvent` … */
  type: z.string(),
  /** `user:<id>`, `credential:<id>`, `server`, `anonymous`. */
  actor: z.string(),
  /** User name or label, if that is known. */
  actor_name: z.nullable(z.string()),
  tenant_id: z.nullable(z.string()),
  /** Slug now. */
  tenant: z.nullable(z.string()),
  /** What or whom it is about. */
  subject_id: z.nullable(z.string()),
  request_id: z.nullable(z.string()),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  previous_hash: z.string(),
  /** Over this event and the hash of the one before: audit-chain.ts. */
  hash: z.string(),
});
export type AuditEvent = z.infer<typeof AuditEvent>;

export const AuditEventList = z.object({ events: z.array(AuditEvent), next: Next });
export type AuditEventList = z.infer<typeof AuditEventList>;

/** `GET /api/v1/admin/audit-events/verify`: the whole trail, compared with itself and its seal. */
export const AuditCheck = z.object({
  intact: z.boolean(),
  events: z.number(),
  /** The last event; null: there is none. */
  head: z.nullable(z.object({ seq: z.number(), hash: z.string() })),
  /** Up to where the server has sealed it with its key; what came after counts on the chain alone. */
  sealed_seq: z.nullable(z.number()),
  /** At most 100. */
  faults: z.array(ChainFault),
});
export type AuditCheck = z.infer<typeof AuditCheck>;
