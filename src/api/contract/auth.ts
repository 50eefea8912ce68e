import * as z from 'zod/mini';

/** Our grant of `POST /api/v1/auth/token`: an API key for a short access token. */
export const API_KEY_GRANT = 'urn:cloud-cli:params:oauth:grant-type:api_key';

/** RFC 6749 §5.1. `expires_in` in seconds. */
export const TokenResponse = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number(),
  scope: z.string(),
});
export type TokenResponse = z.infer<typeof TokenResponse>;

/** `GET /api/v1/auth/me`: who the credential of this request is. */
export const Me = z.object({
  subject: z.string(),
  kind: z.enum(['access_token', 'api_key', 'admin_token']),
  scopes: z.array(z.string()),
  expires_at: z.nullable(z.string()),
  tenant: z.nullable(z.object({ id: z.uuid(), slug: z.string(), name: z.string() })),
});
export type Me = z.infer<typeof Me>;
