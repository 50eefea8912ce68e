import * as z from 'zod/mini';
import { Shown } from './auth.ts';
import { Scope } from './scopes.ts';

const YEAR_SECONDS = 365 * 86_400;
const Life = z.int().check(z.minimum(60), z.maximum(YEAR_SECONDS));

/**
 * `POST /api/v1/admin/tokens` (scope `tokens`), 201 with `AdminTokenWithSecret`. `tenant`: id or slug
 * of the tenant that it is bound to, or null for one that administers the server. Never more than the
 * caller may; without `scopes` all of that. `expires_in` in seconds, 90 days by default, at most a
 * year, and not longer than a token that asks for it. 409 `token-limit`; 404 `tenant-not-found`.
 */
export const CreateAdminToken = z.strictObject({
  label: Shown,
  tenant: z.nullable(z.string().check(z.minLength(1), z.maxLength(64))),
  scopes: z.optional(z.array(Scope).check(z.minLength(1), z.maxLength(16))),
  expires_in: z.optional(Life),
});
export type CreateAdminToken = z.infer<typeof CreateAdminToken>;

export const AdminToken = z.object({
  /** 12 letters and digits, part of the token. */
  id: z.string(),
  /** How the token begins and ends: what may be shown of it. */
  prefix: z.string(),
  last4: z.string(),
  label: z.string(),
  /** `admin` administers the server; `api` is an API key. */
  kind: z.enum(['admin', 'api']),
  scopes: z.array(z.string()),
  /** Slug; null: bound to none. */
  tenant: z.nullable(z.string()),
  /** User name; null for one that belongs to nobody. */
  owner: z.nullable(z.string()),
  state: z.enum(['active', 'expired', 'revoked']),
  /** The one that this request was made with. */
  current: z.boolean(),
  created_at: z.string(),
  /** To the minute; null: never used. */
  last_used_at: z.nullable(z.string()),
  expires_at: z.string(),
  /** The token that took its place; it ends at `expires_at`. */
  replaced_by: z.nullable(z.string()),
});
export type AdminToken = z.infer<typeof AdminToken>;

/** The token itself, in this answer only. */
export const AdminTokenWithSecret = z.extend(AdminToken, { token: z.string() });
export type AdminTokenWithSecret = z.infer<typeof AdminTokenWithSecret>;

/** `GET /api/v1/admin/tokens[?tenant=…&ended=true]`, newest first; `ended`: those that are over too. */
export const AdminTokenList = z.object({ tokens: z.array(AdminToken) });
export type AdminTokenList = z.infer<typeof AdminTokenList>;

/**
 * `DELETE /api/v1/admin/tokens/{id}` ends one (204): 409 `last-admin-token` when nobody would be left
 * who owns the server. `POST …/{id}/rotate` with this optional body, 201 with `AdminTokenWithSecret`
 * of the new one: same label, scopes, tenant, owner and life. The old one stays valid for `overlap`
 * seconds (an hour by default, a week at most). 409 `already-rotated`; 403 for one that may do more
 * than the caller.
 */
export const RotateAdminToken = z.strictObject({
  overlap: z.optional(z.int().check(z.minimum(0), z.maximum(7 * 86_400))),
  expires_in: z.optional(Life),
});
export type RotateAdminToken = z.infer<typeof RotateAdminToken>;
