import * as z from 'zod/mini';

/** One way in which database and storage differ. */
export const DriftFinding = z.object({
  kind: z.enum([
    /** A bucket with a name of ours that no tenant has. Deleted only when it is empty. */
    'bucket-without-tenant',
    /** The bucket of a tenant is gone. What was in it is too, so nothing is made in its place. */
    'tenant-without-bucket',
    /** A key, or a policy, with a label of ours that no credential has: deleted. */
    'leaked-key',
    'leaked-policy',
    /** A credential whose key is gone at the storage: revoked here. */
    'credential-without-key',
    /** A key that opens the bucket of a tenant that is denied or removed: made inactive. */
    'key-should-be-inactive',
    /** A key that is refused although its tenant is allowed: made active. */
    'key-should-be-active',
  ]),
  /** Slug, if it is of a tenant. */
  tenant: z.nullable(z.string()),
  /** Of the bucket, key, policy or credential. */
  name: z.string(),
  /** What `fix` does, or has done; `none`: a person has to decide. */
  fix: z.enum(['none', 'delete', 'revoke', 'activate', 'deactivate']),
  /** Null before anything was tried. */
  fixed: z.nullable(z.boolean()),
  /** Why it was not fixed, or what a person can do. */
  note: z.nullable(z.string()),
});
export type DriftFinding = z.infer<typeof DriftFinding>;

/**
 * `GET /api/v1/admin/drift[?tenant=…]` (scope `tenants`): compares both ways and changes nothing.
 * `POST` of the same does what `fix` says, and answers with the same findings. Keys, policies and
 * buckets without a label or name of ours are somebody else's, and are neither shown nor touched. Keys
 * and policies that this server never issued (those of another one with the same storage account, or of
 * after the backup that the database came from) are deleted only with `foreign=true`.
 */
export const DriftReport = z.object({ findings: z.array(DriftFinding) });
export type DriftReport = z.infer<typeof DriftReport>;
