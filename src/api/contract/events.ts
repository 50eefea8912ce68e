import * as z from 'zod/mini';

/**
 * The events of a tenant (docs/adr/0009-events.md). Every one is a hint that something is worth
 * looking at, delivered at least once and in no particular order; the bucket alone is the truth.
 */

/** Opaque; sent back as `Last-Event-ID` it means "what came after this". */
const EventId = z.string().check(z.minLength(1), z.maxLength(64), z.regex(/^[\x21-\x7e]+$/));
/** An S3 key: at most 1,024 bytes of UTF-8, which a schema can only bound in characters. */
const Key = z.string().check(z.minLength(1), z.maxLength(1024));
const ETag = z.string().check(z.maxLength(128));
/** What a client calls itself, to know its own changes again: any random text. */
const Origin = z.string().check(z.minLength(1), z.maxLength(64), z.regex(/^[\x21-\x7e]+$/));

/** RFC 3339 in UTC. */
const common = { id: EventId, at: z.string() };

export const ObjectChange = z.enum([
  'put',
  'multipart',
  'copy',
  'delete',
  'rename',
  /** Moved to another storage tier; the content is the same. */
  'transition',
]);
export type ObjectChange = z.infer<typeof ObjectChange>;

export const ObjectChanged = z.object({
  ...common,
  type: z.literal('object-changed'),
  key: Key,
  change: ObjectChange,
  /**
   * The key before a rename. The storage does not tell it, so of a rename without it one only
   * knows that some other key is gone.
   */
  from: z.optional(Key),
  /** Without quotes. */
  etag: z.optional(ETag),
  /** Bytes. */
  size: z.optional(z.number()),
  /** `storage`: its own notification. `client`: one that uploaded says so, and may be wrong. */
  source: z.enum(['storage', 'client']),
  /** Which client said so; the storage does not know. Know your own uploads by their ETags. */
  origin: z.optional(Origin),
});
export type ObjectChanged = z.infer<typeof ObjectChanged>;

/** "I have uploaded", without saying what. */
export const SyncRequested = z.object({
  ...common,
  type: z.literal('sync-requested'),
  origin: z.optional(Origin),
});

export const PolicyChanged = z.object({
  ...common,
  type: z.literal('policy-changed'),
  policy: z.enum(['allowed', 'denied']),
});

/** A bucket key was ended; its holder asks for another one. */
export const CredentialRevoked = z.object({
  ...common,
  type: z.literal('credential-revoked'),
  credential_id: z.uuid(),
});

/** A bucket key ends within a day. */
export const CredentialExpiring = z.object({
  ...common,
  type: z.literal('credential-expiring'),
  credential_id: z.uuid(),
  expires_at: z.string(),
});

export const TenantEvent = z.discriminatedUnion('type', [
  ObjectChanged,
  SyncRequested,
  PolicyChanged,
  CredentialRevoked,
  CredentialExpiring,
]);
export type TenantEvent = z.infer<typeof TenantEvent>;

/**
 * First message of every stream, sent at once, so that a proxy that keeps answers back is found
 * out. It carries the position of a stream that resumes nothing as its event id.
 */
export const Hello = z.object({
  type: z.literal('hello'),
  /** At least this often something arrives, if only a comment; milliseconds. */
  heartbeat_ms: z.number().check(z.minimum(100), z.maximum(120_000)),
});
export type Hello = z.infer<typeof Hello>;

/** Events were missed, and nobody knows which: look at everything. */
export const Resync = z.object({
  type: z.literal('resync'),
  reason: z.enum(['position-unknown', 'position-too-old', 'events-lost']),
});
export type Resync = z.infer<typeof Resync>;

/** What a client may meet in `data`. Other values of `type` are of a later version: ignore them. */
export const StreamMessage = z.discriminatedUnion('type', [
  Hello,
  Resync,
  ObjectChanged,
  SyncRequested,
  PolicyChanged,
  CredentialRevoked,
  CredentialExpiring,
]);
export type StreamMessage = z.infer<typeof StreamMessage>;

/** How many keys one `POST /tenant/sync` may name. */
export const SYNC_KEYS = 200;

/** Optional body of `POST /tenant/sync` (SPEC-8, Layers 1 and 3): "I have just uploaded". */
export const SyncNotice = z.strictObject({
  origin: z.optional(Origin),
  changes: z.optional(
    z
      .array(
        z.strictObject({
          key: Key,
          change: z.optional(ObjectChange),
          from: z.optional(Key),
          etag: z.optional(ETag),
          size: z.optional(z.int().check(z.minimum(0))),
        }),
      )
      .check(z.maxLength(SYNC_KEYS)),
  ),
});
export type SyncNotice = z.infer<typeof SyncNotice>;

/**
 * What Tigris posts to a webhook (its documentation, "Object Notifications"). Fields that we do not
 * need are not asked for, and names that we do not know are not refused: a refusal is only repeated.
 */
export const TigrisDelivery = z.object({
  events: z
    .array(
      z.object({
        eventName: z.string().check(z.maxLength(100)),
        eventTime: z.optional(z.string().check(z.maxLength(64))),
        bucket: z.string().check(z.maxLength(255)),
        object: z.object({
          key: Key,
          size: z.optional(z.nullable(z.number())),
          eTag: z.optional(z.nullable(ETag)),
        }),
      }),
    )
    .check(z.maxLength(1000)),
});
export type TigrisDelivery = z.infer<typeof TigrisDelivery>;
