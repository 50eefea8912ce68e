import * as z from 'zod/mini';

/** `GET /tenant/mount/info` (SPEC-8): what a tenant has, without any secret. */
export const MountInfo = z.object({
  tenant_id: z.uuid(),
  bucket_name: z.string(),
  has_credentials: z.boolean(),
  credentials_created_at: z.nullable(z.string()),
});
export type MountInfo = z.infer<typeof MountInfo>;

export const Permission = z.enum(['rw', 'ro']);
export type Permission = z.infer<typeof Permission>;

/** An address, or a range of them: `192.0.2.0/24`, `2001:db8::/32`. */
const Range = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

/**
 * Optional body of `POST /tenant/mount/credentials`. `expires_in` in seconds. A prefix ends with a
 * slash and has none of the characters that mean something in a policy (`*`, `?`, `$`). With
 * `source_ips` the storage takes the key from these addresses only, as it sees them.
 */
export const CreateMountCredential = z.strictObject({
  description: z.optional(z.string().check(z.minLength(1), z.maxLength(255))),
  permission: z.optional(Permission),
  prefix: z.optional(
    z
      .string()
      .check(
        z.maxLength(512),
        z.regex(/^(?!\/)(?!.*(?:^|\/)\.\.?(?:\/|$))[^\u0000-\u001f*?$]+\/$/),
      ),
  ),
  expires_in: z.optional(z.int().check(z.minimum(60), z.maximum(365 * 86_400))),
  /** Seconds in which somebody has to `confirm` it; else it is revoked, for its answer was lost. */
  confirm_within: z.optional(z.int().check(z.minimum(60), z.maximum(7 * 86_400))),
  source_ips: z.optional(z.array(Range).check(z.minLength(1), z.maxLength(20))),
});
export type CreateMountCredential = z.infer<typeof CreateMountCredential>;

/** Optional body of `POST …/{id}/rotate`; all else is as with the old one. */
export const RotateMountCredential = z.pick(CreateMountCredential, { confirm_within: true });
export type RotateMountCredential = z.infer<typeof RotateMountCredential>;

/** The 201 answer: SPEC-8's six fields and ours. The secret is in no other answer. */
export const MountCredentialWithSecret = z.object({
  tenant_id: z.uuid(),
  bucket_name: z.string(),
  access_key: z.string(),
  secret_key: z.string(),
  endpoint_url: z.url(),
  region: z.string(),
  id: z.uuid(),
  permission: Permission,
  created_at: z.string(),
  expires_at: z.nullable(z.string()),
  /** Set when it may be used from these ranges only. */
  source_ips: z.optional(z.array(z.string())),
  /** The credential whose place it takes; the old one stays until it is revoked. */
  replaces: z.optional(z.uuid()),
});
export type MountCredentialWithSecret = z.infer<typeof MountCredentialWithSecret>;

export const MountCredential = z.object({
  id: z.uuid(),
  access_key: z.string(),
  description: z.string(),
  permission: Permission,
  prefix: z.nullable(z.string()),
  created_at: z.string(),
  confirmed_at: z.nullable(z.string()),
  last_used_at: z.nullable(z.string()),
  expires_at: z.nullable(z.string()),
  /** Ranges of addresses that it may be used from; null: anywhere. */
  source_ips: z.nullable(z.array(z.string())),
  /** Whether the caller made it, and so may end it with the scope `mount`. */
  mine: z.boolean(),
  /** Set while it takes the place of another one (`POST …/{id}/rotate`). */
  replaces: z.nullable(z.uuid()),
});
export type MountCredential = z.infer<typeof MountCredential>;

/**
 * `POST /tenant/mount/credentials/{id}/rotate` (optional body `RotateMountCredential`), 201 with `MountCredentialWithSecret`: a new
 * key of the same kind beside the old one. Use it, `confirm` it, then `DELETE` the old one. Asked
 * again before it was confirmed (the answer was lost), the unconfirmed one is replaced; afterwards
 * 409 `already-rotated`. Of several at once the first counts, for the others 409 `rotation-overtaken`.
 *
 * `GET /tenant/mount/credentials`: the active ones of the tenant, newest first.
 */
export const MountCredentialList = z.object({ credentials: z.array(MountCredential) });
export type MountCredentialList = z.infer<typeof MountCredentialList>;
