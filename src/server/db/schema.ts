import type { ColumnType, Generated } from 'kysely';
import type { ChainLink } from '../../api/contract/audit-chain.ts';
import type { InstanceRole, TenantRole } from '../../api/contract/scopes.ts';

/**
 * The tables as queries see them. Times are RFC 3339 in UTC with milliseconds, so that they sort as
 * text on every database; ids are UUIDs unless said otherwise; JSON is text.
 */
export interface Schema {
  tenants: TenantsTable;
  tenant_policies: TenantPoliciesTable;
  tenant_slug_history: TenantSlugHistoryTable;
  credentials: CredentialsTable;
  tenant_mount_credentials: TenantMountCredentialsTable;
  provisioning_intents: ProvisioningIntentsTable;
  signing_keys: SigningKeysTable;
  audit_events: AuditEventsTable;
  audit_head: AuditHeadTable;
  tenant_events: TenantEventsTable;
  event_losses: EventLossesTable;
  users: UsersTable;
  memberships: MembershipsTable;
  sessions: SessionsTable;
  refresh_tokens: RefreshTokensTable;
  device_codes: DeviceCodesTable;
  issuers: IssuersTable;
  user_identities: UserIdentitiesTable;
  used_id_tokens: UsedIdTokensTable;
  job_leases: JobLeasesTable;
  rate_limits: RateLimitsTable;
}

export interface TenantsTable {
  id: string;
  slug: string;
  name: string;
  status: 'active' | 'removed' | 'purging' | 'purged';
  bucket_name: string;
  region: string;
  created_at: string;
  updated_at: string;
  /** https address that is told of uploads (SPEC-8, Layer 1); null for none. */
  sync_url: string | null;
  /** Hash of address and token that the bucket's notifications were last set to. */
  webhook: string | null;
  /** JSON of the contract's `TenantLimits`; null: the defaults. */
  limits: string | null;
  removed_at: string | null;
  /** Up to which of `event_losses` its log says that events were lost. */
  told_losses: Generated<number>;
}

/** Names that a tenant had before, and that still lead to it. */
interface TenantSlugHistoryTable {
  slug: string;
  tenant_id: string;
  replaced_at: string;
}

/** No row means denied. */
interface TenantPoliciesTable {
  tenant_id: string;
  policy: 'allowed' | 'denied';
  reason: string | null;
  updated_by: string;
  updated_at: string;
}

/** Opaque tokens: admin tokens and API keys. The secret itself is nowhere. */
export interface CredentialsTable {
  /** The public identifier inside the token: 12 letters and digits. */
  id: string;
  kind: 'admin' | 'api';
  /** SHA-256 of the whole token, hexadecimal. */
  secret_hash: string;
  last4: string;
  label: string;
  tenant_id: string | null;
  /** Separated by spaces. */
  scopes: string;
  created_at: string;
  created_by: string;
  expires_at: string;
  revoked_at: string | null;
  last_used_at: string | null;
  /** Whose rights bound it; null for one that belongs to nobody and stands for itself. */
  owner_id: string | null;
  /** Id of the first one in a row of rotations; null: its own. */
  family: string | null;
  /** The one that took its place. */
  replaced_by: string | null;
}

/** SPEC-8's table and ours. Never a secret key. */
export interface TenantMountCredentialsTable {
  id: string;
  tenant_id: string;
  access_key: string;
  policy_arn: string;
  description: string;
  permission: 'rw' | 'ro';
  prefix: string | null;
  created_by: string;
  created_at: string;
  updated_at: string;
  expires_at: string | null;
  confirmed_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
  /** Of key and policy at the provider; `pending` as long as they exist. */
  tigris_deletion_status: Generated<'pending' | 'completed' | 'failed'>;
  deletion_attempts: Generated<number>;
  deletion_last_error: string | null;
  /** When the deletion at the provider is tried again; null: now. */
  deletion_due_at: string | null;
  /** When an operator gave it up; what is left there is shown by `drift`. */
  deletion_abandoned_at: string | null;
  /** Ends then unless somebody has confirmed it; null: it need not be confirmed. */
  confirm_by: string | null;
  /** The credential whose place this one takes. */
  replaces: string | null;
  /** Ranges of addresses that it may be used from, separated by spaces; null: anywhere. */
  source_ips: string | null;
  /** What the provider has confirmed of the key; `changing` while nobody knows. */
  provider_status: Generated<'active' | 'inactive' | 'changing'>;
}

/**
 * What is about to be made at the provider, written before the first call, deleted by the
 * transaction that makes it official. A row without a running request is an unfinished one.
 */
export interface ProvisioningIntentsTable {
  /** The id of what is being made: of the mount credential or the tenant. */
  id: string;
  kind: 'mount_credential' | 'tenant';
  /** No foreign key: the tenant of a `tenant` intent does not exist yet. */
  tenant_id: string;
  /** Of a `tenant` intent. */
  bucket_name: string | null;
  created_at: string;
  attempts: Generated<number>;
  last_error: string | null;
  /** For whom it counts; null for a rotation, which no limit counts, and for a tenant. */
  created_by: string | null;
  /** The server process that is at work on it, until `held_until` at the latest. */
  holder: string | null;
  held_until: string | null;
}

export interface SigningKeysTable {
  /** RFC 7638 thumbprint, the `kid` of tokens. */
  id: string;
  status: 'next' | 'active' | 'retired';
  algorithm: 'EdDSA';
  public_jwk: string;
  /** PKCS #8, AES-256-GCM: nonce (12 bytes), tag (16), ciphertext; base64url. */
  wrapped_private_key: string;
  created_at: string;
  activated_at: string | null;
  retired_at: string | null;
}

/** Append-only, by triggers too; each row's hash covers the row and the hash before it. */
interface AuditEventsTable extends Omit<ChainLink, 'seq'> {
  /** From 1, without gaps. */
  seq: ColumnType<number, number, never>;
}

/** One row: where the trail ends, and the last end that was sealed with the server's key. */
interface AuditHeadTable {
  id: Generated<number>;
  seq: number;
  hash: string;
  sealed_seq: number | null;
  sealed_hash: string | null;
  /** HMAC-SHA256, hexadecimal. */
  seal: string | null;
}

/** Bounded by number and age; the newest row of a tenant stays, so that its position is known. */
interface TenantEventsTable {
  tenant_id: string;
  /** From 1, without gaps, in the order of commits. */
  seq: number;
  /** Random: with `seq` the position that a client resumes from. */
  tag: string;
  logged_at: string;
  /** The event as JSON, without its id. */
  data: string;
  /** What a second delivery of the same notification has in common with the first. */
  dedupe: string | null;
}

/** One row: how often events of any tenant may have been lost. */
interface EventLossesTable {
  id: Generated<number>;
  number: number;
}

export interface UsersTable {
  id: string;
  /** As contract/users.ts says: lower-case ASCII. */
  username: string;
  display_name: string | null;
  email: string | null;
  role: InstanceRole;
  status: 'active' | 'deactivated';
  /** PHC string of Argon2id; null: cannot sign in with a password. */
  password_hash: string | null;
  created_at: string;
  created_by: string;
  updated_at: string;
  last_sign_in_at: string | null;
}

interface MembershipsTable {
  tenant_id: string;
  user_id: string;
  role: TenantRole;
  created_at: string;
  created_by: string;
}

/** Somebody signed in on a device. */
export interface SessionsTable {
  id: string;
  user_id: string;
  /** The one tenant that it reaches; null: it administers the server. */
  tenant_id: string | null;
  /** Separated by spaces; what the user's role does not give is not in force. */
  scopes: string;
  method: 'device' | 'password';
  device_name: string | null;
  device_system: string | null;
  /** Where it was last refreshed from. */
  address: string;
  /** The refresh token that was used last; null: none yet. */
  head_token_id: string | null;
  created_at: string;
  last_used_at: string;
  /** Ends then unless it is refreshed before. */
  idle_until: string;
  /** Ends then in any case. */
  ends_at: string;
  ended_at: string | null;
  /** Who vouched for the person, if it was not this server; it ends with the trust. */
  issuer_id: string | null;
}

export interface RefreshTokensTable {
  /** The public identifier inside the token. */
  id: string;
  session_id: string;
  /** The token that it was given for; null for the first. */
  parent_id: string | null;
  /** SHA-256 of the whole token, hexadecimal. */
  secret_hash: string;
  created_at: string;
}

/** RFC 8628: a device that waits for a person to let it in. */
export interface DeviceCodesTable {
  id: string;
  /** SHA-256, hexadecimal. */
  device_code_hash: string;
  /** HMAC-SHA-256 under the server's key: eight letters could be tried out offline. */
  user_code_hash: string;
  status: 'pending' | 'approved' | 'denied' | 'used';
  /** What was asked for; null: whatever the person may. */
  scopes: string | null;
  tenant_hint: string | null;
  device_name: string | null;
  device_system: string | null;
  address: string;
  /** Seconds between two requests of the device. */
  interval_s: number;
  polled_at: string | null;
  /** Wrong passwords on the page of this code. */
  attempts: Generated<number>;
  /** Who approved it, and for which tenant. */
  user_id: string | null;
  tenant_id: string | null;
  session_id: string | null;
  created_at: string;
  expires_at: string;
}

/** An OpenID provider whose word for who somebody is counts. */
export interface IssuersTable {
  id: string;
  name: string;
  /** Exactly what its tokens have as `iss`. */
  url: string;
  client_id: string;
  scope: string;
  audience: string;
  /** Separated by spaces. */
  algorithms: string;
  clock_skew_s: number;
  tenant_claim: string | null;
  member_role: TenantRole;
  create_users: 0 | 1;
  session_days: number;
  created_at: string;
  created_by: string;
}

/** Without a reference to `issuers`: who was who stays known when the trust ends. */
interface UserIdentitiesTable {
  /** `iss`. */
  issuer: string;
  /** `sub`. */
  subject: string;
  user_id: string;
  created_at: string;
  created_by: string;
  last_sign_in_at: string | null;
}

/** Each ID token opens one session. */
interface UsedIdTokensTable {
  /** SHA-256 of header and payload as they were signed, hexadecimal. */
  token_hash: string;
  session_id: string;
  /** From then on the token is too old anyway. */
  expires_at: string;
}

/** What has to be done from time to time, by one process at a time. */
export interface JobLeasesTable {
  name: string;
  due_at: string;
  /** The process that does it now, unless `lease_until` is over: then it has died. */
  owner: string | null;
  lease_until: string | null;
  /** Of the last run; `finished_at` of the last that ended. */
  started_at: string | null;
  finished_at: string | null;
  outcome: 'done' | 'failed' | null;
  error: string | null;
  report: string | null;
  runs: Generated<number>;
  /** In a row. */
  failures: Generated<number>;
}

interface RateLimitsTable {
  /** Which limit, and whose. */
  key: string;
  /** Milliseconds since the epoch: when nothing of it is used up any more. */
  empty_at: number;
}
