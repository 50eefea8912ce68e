import * as z from 'zod/mini';
import { Shown } from './auth.ts';
import { Role } from './scopes.ts';

/** Letters, digits and hyphens, 3 to 40 characters, neither first nor last a hyphen. */
export const SLUG = /^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/;

/** Words that mean something in addresses, in commands or to people, and so are no slugs. */
export const RESERVED_SLUGS: ReadonlySet<string> = new Set([
  ...['admin', 'administrator', 'api', 'app', 'auth', 'cloud', 'device', 'events', 'health'],
  ...['healthz', 'login', 'logout', 'me', 'metrics', 'mount', 'new', 'none', 'null', 'oauth'],
  ...['openapi', 'public', 'readyz', 'root', 'server', 'status', 'sync', 'system', 'tenant'],
  ...['tenants', 'undefined', 'version', 'webhooks', 'well-known', 'www'],
]);

const Slug = z.string().check(z.regex(SLUG));
const Name = z.string().check(z.minLength(1), z.maxLength(200));
/** A service of the tenant's that is told of uploads: https, without credentials in it. */
const SyncUrl = z
  .url({ protocol: /^https$/ })
  .check(z.maxLength(2048), z.regex(/^https:\/\/[^/@]+(?:\/|$)/));

/**
 * `POST /api/v1/admin/tenants`, 201 with `CreatedTenant`: bucket, row, policy and, if asked for, an
 * API key; or nothing. 409 `slug-taken`, also for the former name of another tenant; 422
 * `slug-reserved`.
 */
export const CreateTenant = z.strictObject({
  slug: Slug,
  name: Name,
  /** Answer with an API key that is bound to the new tenant. */
  issue_api_key: z.optional(z.boolean()),
  sync_url: z.optional(SyncUrl),
  /** Where the storage keeps the bucket: `fra`, `usa`; default the server's. Never changed later. */
  region: z.optional(z.string().check(z.regex(/^[a-z]{3,6}(?:,[a-z]{3,6})*$/))),
});
export type CreateTenant = z.infer<typeof CreateTenant>;

/** How many may be in force at once. */
const Most = z.int().check(z.minimum(0), z.maximum(100_000));
export const TenantLimits = z.object({
  /** Bucket keys of the tenant, and of each of its users in it. */
  mount_credentials: Most,
  mount_credentials_per_user: Most,
  /** Tokens that are bound to it: of each of its users, and of nobody. */
  tokens: Most,
});
export type TenantLimits = z.infer<typeof TenantLimits>;

export const Policy = z.enum(['allowed', 'denied']);
export type Policy = z.infer<typeof Policy>;

export const Tenant = z.object({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  status: z.enum(['active', 'removed', 'purging', 'purged']),
  policy: Policy,
  /** Why; written by whoever set the policy, and shown to those it concerns. */
  policy_reason: z.nullable(z.string()),
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

/** As what the caller acts in it, as the guards judge: a page need not know the rule. */
const MyRole = { my_role: Role };

/** `GET /api/v1/admin/tenants`, by slug. */
export const TenantList = z.object({ tenants: z.array(z.extend(Tenant, MyRole)) });
export type TenantList = z.infer<typeof TenantList>;

/**
 * `GET /api/v1/admin/tenants/{tenant}`, an id, a slug or a former slug; the same document answers
 * every change: `PUT …/policy`, `PATCH …`, `DELETE …` (soft), `POST …/restore`. 404
 * `tenant-not-found`; 409 `tenant-purging`.
 */
export const TenantDetail = z.extend(Tenant, {
  ...MyRole,
  policy_updated_at: z.nullable(z.string()),
  sync_url: z.nullable(z.string()),
  removed_at: z.nullable(z.string()),
  /** Those in force: what was set, else the defaults. */
  limits: TenantLimits,
  former_slugs: z.array(z.string()),
  /** The bucket keys in force here, by what the storage has confirmed of them. */
  keys: z.object({
    active: z.number(),
    inactive: z.number(),
    /** Not yet as policy and status want them; tried again every minute. */
    pending: z.number(),
  }),
  tokens: z.number(),
  members: z.number(),
});
export type TenantDetail = z.infer<typeof TenantDetail>;

/**
 * `PUT /api/v1/admin/tenants/{tenant}/policy`. In force with the next request; the bucket keys of a
 * denied tenant are made inactive at the storage, and active again when it is allowed.
 */
export const SetPolicy = z.strictObject({ policy: Policy, reason: z.optional(Shown) });
export type SetPolicy = z.infer<typeof SetPolicy>;

/**
 * `PATCH /api/v1/admin/tenants/{tenant}`: what is absent stays. `sync_url` null: none. A limit of
 * null: the default. With another `slug` the old one still leads to the tenant.
 */
export const ChangeTenant = z.strictObject({
  name: z.optional(Name),
  slug: z.optional(Slug),
  sync_url: z.optional(z.nullable(SyncUrl)),
  limits: z.optional(
    z.strictObject({
      mount_credentials: z.optional(z.nullable(Most)),
      mount_credentials_per_user: z.optional(z.nullable(Most)),
      tokens: z.optional(z.nullable(Most)),
    }),
  ),
});
export type ChangeTenant = z.infer<typeof ChangeTenant>;

/** One of the things that a purge takes away. */
export const PurgeItem = z.object({
  kind: z.enum([
    ...(['tenant', 'bucket', 'objects', 'access-key', 'policy', 'token', 'session'] as const),
    ...(['member', 'former-slug'] as const),
  ]),
  /** What it is called, or how many there are. */
  name: z.string(),
  detail: z.nullable(z.string()),
});
export type PurgeItem = z.infer<typeof PurgeItem>;

/** `POST …/purge?dry_run=true`: exactly what would go; changes nothing. */
export const PurgePlan = z.object({ tenant: Tenant, items: z.array(PurgeItem) });
export type PurgePlan = z.infer<typeof PurgePlan>;

/** Body of `POST …/purge` (scope `instance`): the tenant's slug, so that nobody purges by mistake. */
export const Purge = z.strictObject({ confirm: z.string().check(z.maxLength(64)) });
export type Purge = z.infer<typeof Purge>;

/**
 * What a purge has come to. `purging` is not over: it goes on by itself, also after a restart;
 * asking again goes on at once. `problem`: what kept it from being over.
 */
export const PurgeState = z.object({
  id: z.uuid(),
  slug: z.string(),
  status: z.enum(['purging', 'purged']),
  problem: z.nullable(z.string()),
});
export type PurgeState = z.infer<typeof PurgeState>;

/** What stays at the storage because its deletion was given up. */
export const AbandonedItem = z.object({
  kind: z.enum(['access-key', 'policy', 'bucket']),
  name: z.string(),
  /** Why it was not deleted, if the storage said. */
  detail: z.nullable(z.string()),
});
export type AbandonedItem = z.infer<typeof AbandonedItem>;

/**
 * `POST /api/v1/admin/tenants/{tenant}/abandon` (scope `instance`, body `Purge`): gives up deleting
 * what the storage goes on refusing, and answers what is left there. A purge that is stuck ends so;
 * of another tenant it is the keys whose deletion has failed for good. `?dry_run=true`, without a
 * body: what that would be. 409 `nothing-to-abandon`, `purge-running`.
 */
export const AbandonedState = z.object({
  id: z.uuid(),
  slug: z.string(),
  status: Tenant.shape.status,
  left: z.array(AbandonedItem),
});
export type AbandonedState = z.infer<typeof AbandonedState>;
