import * as z from 'zod/mini';

/**
 * `POST /tenant/snapshots`: gives the present state of the tenant's bucket a name, 201 with it. 409
 * `no-snapshots` for a bucket that keeps none.
 */
export const CreateSnapshot = z.strictObject({
  name: z.optional(z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9 ._:-]{0,99}$/))),
});
export type CreateSnapshot = z.infer<typeof CreateSnapshot>;

export const Snapshot = z.object({
  /** Nanoseconds since the epoch: what `X-Tigris-Snapshot-Version` takes. */
  version: z.string().check(z.regex(/^\d{1,20}$/)),
  name: z.nullable(z.string()),
  created_at: z.string(),
});
export type Snapshot = z.infer<typeof Snapshot>;

/** `GET /tenant/snapshots`, oldest first. */
export const SnapshotList = z.object({ snapshots: z.array(Snapshot) });
export type SnapshotList = z.infer<typeof SnapshotList>;

/** A version of one object, or the mark that a delete left: no size and no ETag. */
export const ObjectVersion = z.object({
  /** Nanoseconds since the epoch; a read at that moment has this version. */
  version: z.string().check(z.regex(/^\d{1,20}$/)),
  created_at: z.string(),
  size: z.nullable(z.number()),
  /** With its quotation marks. */
  etag: z.nullable(z.string()),
  latest: z.boolean(),
  deleted: z.boolean(),
});
export type ObjectVersion = z.infer<typeof ObjectVersion>;

/**
 * `GET /tenant/versions?path=KEY`, newest first, at most a thousand. 409 `no-snapshots` for a bucket
 * that keeps none. The content is read at the storage, with the key of the mount credential.
 */
export const ObjectVersionList = z.object({ versions: z.array(ObjectVersion) });
export type ObjectVersionList = z.infer<typeof ObjectVersionList>;

export const VersionsQuery = z.object({
  path: z.string().check(z.minLength(1), z.maxLength(1024)),
});
export type VersionsQuery = z.infer<typeof VersionsQuery>;
