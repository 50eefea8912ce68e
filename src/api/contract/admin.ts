import * as z from 'zod/mini';

/** Letters, digits and hyphens, 3 to 40 characters, neither first nor last a hyphen. */
export const SLUG = /^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/;

export const CreateTenant = z.strictObject({
  slug: z.string().check(z.regex(SLUG)),
  name: z.string().check(z.minLength(1), z.maxLength(200)),
  /** Answer with an API key that is bound to the new tenant. */
  issue_api_key: z.optional(z.boolean()),
  /** A service of the tenant's that is told of uploads: https, without credentials in it. */
  sync_url: z.optional(
    z.url({ protocol: /^https$/ }).check(z.maxLength(2048), z.regex(/^https:\/\/[^/@]+(?:\/|$)/)),
  ),
});
export type CreateTenant = z.infer<typeof CreateTenant>;

export const Tenant = z.object({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  status: z.enum(['active', 'removed', 'purging', 'purged']),
  policy: z.enum(['allowed', 'denied']),
  bucket_name: z.string(),
  region: z.string(),
  created_at: z.string(),
});
export type Tenant = z.infer<typeof Tenant>;

export const CreatedTenant = z.extend(Tenant, {
  /** Shown once; null unless asked for. */
  api_key: z.nullable(z.string()),
});
export type CreatedTenant = z.infer<typeof CreatedTenant>;

export const TenantList = z.object({ tenants: z.array(Tenant) });
export type TenantList = z.infer<typeof TenantList>;
