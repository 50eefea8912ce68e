import * as z from 'zod/mini';
import { TenantRole } from './scopes.ts';

/**
 * Signature algorithms that can be allowed for an issuer (RFC 7518, RFC 8037, RFC 9864): public-key
 * ones only. A secret that both sides know (HS*) would have to lie with every client.
 */
export const ISSUER_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

/** How the issuer is named on the command line and in addresses. */
export const ISSUER_NAME = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

const Name = z.string().check(z.regex(ISSUER_NAME));
const Text = z.string().check(z.minLength(1), z.maxLength(255), z.regex(/^[\x21-\x7e]+$/));
const ScopeText = z
  .string()
  .check(
    z.maxLength(500),
    z.regex(/^(?:[\x21\x23-\x5b\x5d-\x7e]+ )*openid(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/),
  );

/**
 * `POST /api/v1/admin/issuers` (scope `instance`), 201 with `Issuer`. The server reads the issuer's
 * discovery document first: 422 `issuer-unreachable`, `issuer-mismatch`, `issuer-unfit`; 409
 * `issuer-taken` for a name or address that is there already.
 */
export const AddIssuer = z.strictObject({
  name: Name,
  /** As the issuer writes it into `iss`; https, except on loopback. */
  url: z.string().check(z.minLength(8), z.maxLength(500)),
  /** Of the public client that was registered for `cloud login` there. */
  client_id: Text,
  /** Default `openid profile email`; holds `openid`. */
  scope: z.optional(ScopeText),
  /** What `aud` has to name; default the client's id. */
  audience: z.optional(Text),
  /** Default: what the issuer announces, as far as it is in the list. */
  algorithms: z.optional(z.array(z.enum(ISSUER_ALGORITHMS)).check(z.minLength(1))),
  /** Seconds that the issuer's clock may be off; default 60. */
  clock_skew: z.optional(z.int().check(z.minimum(0), z.maximum(300))),
  /**
   * Claim with ids or slugs of the tenants that somebody is a member of: a text, or a list of them.
   * Memberships then follow it with each sign-in. Absent: they are administered here.
   */
  tenant_claim: z.optional(Text),
  /** Of members that the claim makes; default `editor`. */
  member_role: z.optional(TenantRole),
  /** Whether somebody who is not known yet becomes a user; default no. */
  create_users: z.optional(z.boolean()),
  /** Days after which somebody has to sign in there again; 1 to 90, default 30. */
  session_days: z.optional(z.int().check(z.minimum(1), z.maximum(90))),
});
export type AddIssuer = z.infer<typeof AddIssuer>;

export const Issuer = z.object({
  id: z.uuid(),
  name: z.string(),
  url: z.string(),
  client_id: z.string(),
  scope: z.string(),
  audience: z.string(),
  algorithms: z.array(z.string()),
  clock_skew: z.number(),
  tenant_claim: z.nullable(z.string()),
  member_role: TenantRole,
  create_users: z.boolean(),
  session_days: z.number(),
  created_at: z.string(),
  created_by: z.string(),
});
export type Issuer = z.infer<typeof Issuer>;

/** Somebody of an issuer, and who that is here. */
export const Identity = z.object({
  /** `sub`, unique at its issuer. */
  subject: z.string(),
  user: z.object({ id: z.uuid(), username: z.string() }),
  created_at: z.string(),
  last_sign_in_at: z.nullable(z.string()),
});
export type Identity = z.infer<typeof Identity>;

/** `GET /api/v1/admin/issuers`, by name. `{id}` in an address is an id or a name. */
export const IssuerList = z.object({ issuers: z.array(Issuer) });
export type IssuerList = z.infer<typeof IssuerList>;

/**
 * `GET …/{id}/identities`. `POST …/{id}/identities` (201 with `Identity`) says who a subject is
 * here, 409 `identity-taken`; `DELETE …/{id}/identities/{subject}` (204) takes it back and ends the
 * sessions that came of it. `DELETE …/{id}` (204) ends the trust and the issuer's sessions; who was
 * who stays known, should the issuer be trusted again.
 */
export const IdentityList = z.object({ identities: z.array(Identity) });
export type IdentityList = z.infer<typeof IdentityList>;

export const LinkIdentity = z.strictObject({
  subject: z.string().check(z.minLength(1), z.maxLength(255)),
  /** Id or user name. */
  user: z.string().check(z.minLength(1), z.maxLength(256)),
});
export type LinkIdentity = z.infer<typeof LinkIdentity>;

/** What a client needs to sign in at an issuer; none of it is a secret. */
export const TrustedIssuer = z.object({
  name: z.string(),
  issuer: z.string(),
  client_id: z.string(),
  scope: z.string(),
});
export type TrustedIssuer = z.infer<typeof TrustedIssuer>;

/**
 * The part of an OpenID provider's `/.well-known/openid-configuration` that we use (OpenID Connect
 * Discovery 1.0 §3, RFC 8628 §4).
 */
export const ProviderMetadata = z.object({
  issuer: z.string(),
  jwks_uri: z.string(),
  token_endpoint: z.optional(z.string()),
  device_authorization_endpoint: z.optional(z.string()),
  id_token_signing_alg_values_supported: z.optional(z.array(z.string())),
});
export type ProviderMetadata = z.infer<typeof ProviderMetadata>;
