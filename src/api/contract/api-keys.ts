import * as z from 'zod/mini';
import { Shown } from './auth.ts';
import { Scope } from './scopes.ts';

const YEAR_SECONDS = 365 * 86_400;
const Life = z.int().check(z.minimum(60), z.maximum(YEAR_SECONDS));

/**
 * `POST /api/v1/api-keys`, 201 with `ApiKeyWithSecret`. Never more than the caller may: without
 * `scopes` what the caller has. `tenant`: id or slug; absent the caller's; null binds it to none,
 * for scopes of the instance. `expires_in` in seconds, 90 days by default, at most a year and not
 * longer than an API key that asks for it.
 */
export const CreateApiKey = z.strictObject({
  label: Shown,
  scopes: z.optional(z.array(Scope).check(z.minLength(1), z.maxLength(16))),
  tenant: z.optional(z.nullable(z.string().check(z.minLength(1), z.maxLength(64)))),
  expires_in: z.optional(Life),
});
export type CreateApiKey = z.infer<typeof CreateApiKey>;

export const ApiKey = z.object({
  /** 12 letters and digits, part of the key. */
  id: z.string(),
  /** How the key begins and ends: what may be shown of it. */
  prefix: z.string(),
  last4: z.string(),
  label: z.string(),
  scopes: z.array(z.string()),
  tenant: z.nullable(z.object({ id: z.uuid(), slug: z.string(), name: z.string() })),
  /** User name; null for one that belongs to nobody. */
  owner: z.nullable(z.string()),
  /** The one that this request was made with. */
  current: z.boolean(),
  created_at: z.string(),
  /** To the minute; null: never used. */
  last_used_at: z.nullable(z.string()),
  expires_at: z.string(),
  /** The key that took its place; it ends at `expires_at`. */
  replaced_by: z.nullable(z.string()),
});
export type ApiKey = z.infer<typeof ApiKey>;

/** The key itself, in this answer only. */
export const ApiKeyWithSecret = z.extend(ApiKey, { api_key: z.string() });
export type ApiKeyWithSecret = z.infer<typeof ApiKeyWithSecret>;

/**
 * `GET /api/v1/api-keys`: those in force that the caller may end, newest first: its own; with
 * `tenant` all of the tenant, with `tokens` all. `DELETE …/{id}` ends one (204).
 */
export const ApiKeyList = z.object({ api_keys: z.array(ApiKey) });
export type ApiKeyList = z.infer<typeof ApiKeyList>;

/**
 * Optional body of `POST /api/v1/api-keys/{id}/rotate`, 201 with `ApiKeyWithSecret` of the new key:
 * same label, scopes, tenant, owner. The old one stays valid for `overlap` seconds (an hour by
 * default, a week at most). 409 `already-rotated` for one that was replaced before.
 */
export const RotateApiKey = z.strictObject({
  overlap: z.optional(z.int().check(z.minimum(0), z.maximum(7 * 86_400))),
  expires_in: z.optional(Life),
});
export type RotateApiKey = z.infer<typeof RotateApiKey>;
