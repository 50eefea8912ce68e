import * as z from 'zod/mini';
import { TenantSummary } from './auth.ts';

/** RFC 9457 problem details, with a stable `code` for programs. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.optional(z.string()),
  code: z.string(),
  /** Which field of the request is meant (422). */
  field: z.optional(z.string()),
  /** Of `tenant-choice-needed`: what can be chosen. */
  tenants: z.optional(z.array(TenantSummary)),
  /** Of a limit that was reached (409, 429): how many are allowed. */
  limit: z.optional(z.number()),
});
export type Problem = z.infer<typeof Problem>;

/**
 * Codes of 403 that an administrator takes back: the same request may well succeed later. The last is
 * what the token endpoint says for them (RFC 6749).
 */
export const TENANT_REFUSALS: ReadonlySet<unknown> = new Set([
  ...['tenant-denied', 'tenant-inactive', 'access_denied'],
]);

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** RFC 6749 §5.2: the error body of the OAuth endpoints. */
export const OAuthError = z.object({
  error: z.string(),
  error_description: z.optional(z.string()),
  /** Of `invalid_target`: what can be chosen. */
  tenants: z.optional(z.array(TenantSummary)),
});
export type OAuthError = z.infer<typeof OAuthError>;
