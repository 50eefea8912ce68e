import * as z from 'zod/mini';
import { TrustedIssuer } from './issuers.ts';
import { Role } from './scopes.ts';

/** Our grant of `POST /api/v1/auth/token`: an API key for a short access token. */
export const API_KEY_GRANT = 'urn:cloud-cli:params:oauth:grant-type:api_key';
/** RFC 8628 §3.4; the form has `device_code` and `client_id`. */
export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** RFC 6749 §6; the form has `refresh_token`. */
export const REFRESH_TOKEN_GRANT = 'refresh_token';
/** RFC 8693: an ID token of a trusted issuer for a session of ours; the form is `TokenExchange`. */
export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const ID_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:id_token';
/** The one public client of the device flow. */
export const CLIENT_ID = 'cloud-cli';

/**
 * RFC 6749 §5.1. `expires_in` in seconds. A session also gets a refresh token, a new one with each
 * refresh: the one before stays valid until its successor is first used, and using it after that
 * ends the session.
 */
export const TokenResponse = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number(),
  scope: z.string(),
  refresh_token: z.optional(z.string()),
  /** Seconds until the refresh token ends if nothing is refreshed. */
  refresh_expires_in: z.optional(z.number()),
});
export type TokenResponse = z.infer<typeof TokenResponse>;

/** A short text that a person is shown: no control characters, no changes of direction. */
export const Shown = z
  .string()
  .check(
    z.minLength(1),
    z.maxLength(100),
    z.regex(/^(?! )[^\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+(?<! )$/u),
  );
const TenantRef = z.string().check(z.minLength(1), z.maxLength(64));
const ScopeText = z.string().check(z.maxLength(200), z.regex(/^[a-z:]+(?: [a-z:]+)*$/));

/**
 * The form of `POST /api/v1/auth/device_authorization` (RFC 8628 §3.1). `tenant` (id or slug) is
 * only a proposal: the person chooses on the page. Without `scope` the session may do what the
 * person may in that tenant. The device is shown to the person.
 */
export const DeviceAuthorizationRequest = z.strictObject({
  client_id: z.literal(CLIENT_ID),
  scope: z.optional(ScopeText),
  tenant: z.optional(TenantRef),
  device_name: z.optional(Shown),
  device_system: z.optional(Shown),
});
export type DeviceAuthorizationRequest = z.infer<typeof DeviceAuthorizationRequest>;

/**
 * RFC 8693 §2.1, answered with a session's `TokenResponse`. `tenant` is an id or slug; without it
 * the only one that the person has. Refusals: `invalid_grant`, 403 `access_denied`, 400
 * `invalid_target` with `tenants`, 503 `temporarily_unavailable` when the issuer's keys cannot be
 * read. The token is used up by a session only, so it can be shown again with a tenant.
 */
export const TokenExchange = z.strictObject({
  grant_type: z.literal(TOKEN_EXCHANGE_GRANT),
  client_id: z.literal(CLIENT_ID),
  subject_token: z.string().check(z.minLength(1), z.maxLength(16_384)),
  subject_token_type: z.literal(ID_TOKEN_TYPE),
  scope: z.optional(ScopeText),
  tenant: z.optional(TenantRef),
  device_name: z.optional(Shown),
  device_system: z.optional(Shown),
});
export type TokenExchange = z.infer<typeof TokenExchange>;

/**
 * RFC 8628 §3.2. While a person decides, the token endpoint answers 400 with `error`
 * `authorization_pending` or `slow_down` (from then on 5 seconds more between requests), at the end
 * `access_denied` or `expired_token`.
 */
export const DeviceAuthorization = z.object({
  device_code: z.string(),
  /** Eight letters with a hyphen: `BCDF-GHJK`. */
  user_code: z.string(),
  verification_uri: z.url(),
  verification_uri_complete: z.url(),
  /** Seconds. */
  expires_in: z.number(),
  interval: z.number(),
});
export type DeviceAuthorization = z.infer<typeof DeviceAuthorization>;

/**
 * `POST /api/v1/auth/login`: user name and password for a session; answers `TokenResponse`.
 * `tenant`: id or slug; null for none, to administer the server; absent: the only one that the user
 * has. Refusals: 401 `sign-in-failed` (whatever was wrong), 403 `no-tenant` (none, or not that one),
 * 409 `tenant-choice-needed` with `tenants`, 429 with `Retry-After`.
 */
export const LoginRequest = z.strictObject({
  username: z.string().check(z.minLength(1), z.maxLength(256)),
  password: z.string().check(z.minLength(1), z.maxLength(1024)),
  tenant: z.optional(z.nullable(TenantRef)),
  scope: z.optional(ScopeText),
  device_name: z.optional(Shown),
  device_system: z.optional(Shown),
});
export type LoginRequest = z.infer<typeof LoginRequest>;

/** `POST /api/v1/auth/password`, 204: changes one's own password and ends one's other sessions. */
export const ChangePassword = z.strictObject({
  current_password: z.string().check(z.minLength(1), z.maxLength(1024)),
  new_password: z.string().check(z.minLength(1), z.maxLength(1024)),
});
export type ChangePassword = z.infer<typeof ChangePassword>;

export const TenantSummary = z.object({ id: z.uuid(), slug: z.string(), name: z.string() });
export type TenantSummary = z.infer<typeof TenantSummary>;

/** `GET /api/v1/auth/me`: who the credential of this request is. */
export const Me = z.object({
  /** `user:<id>` or `credential:<id>`. */
  subject: z.string(),
  /** What was sent: a JWT (of a session or of an API key), or an opaque token. */
  kind: z.enum(['access_token', 'api_key', 'admin_token']),
  /** What it may do now: role ∩ scopes ∩ tenant binding. */
  scopes: z.array(z.string()),
  /** Of what was sent. */
  expires_at: z.nullable(z.string()),
  tenant: z.nullable(TenantSummary),
  /** Null: a credential that belongs to nobody, such as a tenant's first API key. */
  user: z.nullable(
    z.object({ id: z.uuid(), username: z.string(), display_name: z.nullable(z.string()) }),
  ),
  role: z.nullable(Role),
  /** What is behind it: ending this ends the access. Its `expires_at` is without further use. */
  credential: z.object({
    kind: z.enum(['session', 'api_key', 'admin_token']),
    id: z.string(),
    label: z.string(),
    expires_at: z.string(),
  }),
});
export type Me = z.infer<typeof Me>;

export const AuthSession = z.object({
  id: z.uuid(),
  /** The one that this request belongs to. */
  current: z.boolean(),
  method: z.enum(['device', 'password']),
  device_name: z.nullable(z.string()),
  device_system: z.nullable(z.string()),
  /** Where it was last refreshed from. */
  address: z.string(),
  tenant: z.nullable(TenantSummary),
  scopes: z.array(z.string()),
  created_at: z.string(),
  last_used_at: z.string(),
  /** When it ends if it is not used. */
  expires_at: z.string(),
});
export type AuthSession = z.infer<typeof AuthSession>;

/**
 * `GET /api/v1/auth/sessions`: those of the caller's user that are in force, newest first.
 * `DELETE …/{id}` ends one (204; 404 for one of somebody else), `DELETE …` all of them, and
 * `DELETE …?keep=current` all others.
 */
export const AuthSessionList = z.object({ sessions: z.array(AuthSession) });
export type AuthSessionList = z.infer<typeof AuthSessionList>;

/**
 * `GET /.well-known/oauth-authorization-server` (RFC 8414). `POST revocation_endpoint` (RFC 7009)
 * takes the form `token`: a refresh or access token ends its session, an API key itself; 200 also
 * when it is unknown.
 */
export const AuthorizationServer = z.object({
  issuer: z.url(),
  token_endpoint: z.url(),
  device_authorization_endpoint: z.url(),
  revocation_endpoint: z.url(),
  jwks_uri: z.url(),
  grant_types_supported: z.array(z.string()),
  scopes_supported: z.array(z.string()),
  response_types_supported: z.array(z.string()),
  token_endpoint_auth_methods_supported: z.array(z.string()),
  revocation_endpoint_auth_methods_supported: z.array(z.string()),
  /** Ours: at which other servers one can sign in. Absent: an older server, so none. */
  trusted_issuers: z._default(z.array(TrustedIssuer), []),
});
export type AuthorizationServer = z.infer<typeof AuthorizationServer>;
