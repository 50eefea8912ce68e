import * as z from 'zod/mini';
import { AdminTokenList, AdminTokenWithSecret } from './admin-tokens.ts';
import {
  AbandonedState,
  CreatedTenant,
  PurgePlan,
  PurgeState,
  TenantDetail,
  TenantList,
} from './admin.ts';
import { ApiKeyList, ApiKeyWithSecret } from './api-keys.ts';
import { AuditCheck, AuditEventList } from './audit.ts';
import {
  AuthorizationServer,
  AuthSessionList,
  DeviceAuthorization,
  DeviceAuthorizationRequest,
  Me,
  TokenResponse,
} from './auth.ts';
import { DriftReport } from './drift.ts';
import { StreamMessage } from './events.ts';
import { Identity, IdentityList, Issuer, IssuerList } from './issuers.ts';
import { JobList, JobRun } from './jobs.ts';
import { MountCredentialList, MountCredentialWithSecret, MountInfo } from './mount.ts';
import { ServerVersion } from './server.ts';
import { SigningKeyList } from './signing-keys.ts';
import { ObjectVersionList, Snapshot, SnapshotList } from './snapshots.ts';
import { CreatedUser, Member, MemberList, NewPassword, User, UserList } from './users.ts';

/** What a route answers when all is well; its refusals are problem+json, or as RFC 6749 has them. */
export interface RouteContract {
  summary: string;
  status: 200 | 201 | 204;
  /** Undefined: without content. The server sends nothing that is not in it. */
  answer?: z.ZodMiniType;
  /** Default `application/json`. */
  type?: string;
  /** Fields of a form, where the body is one. */
  form?: z.ZodMiniType;
  /** Errors as RFC 6749 has them. */
  oauth?: true;
}

const Status = z.object({ status: z.string() });
const Jwks = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });
const Document = z.record(z.string(), z.unknown());
const TokenForm = z.object({
  grant_type: z.string(),
  api_key: z.optional(z.string()),
  refresh_token: z.optional(z.string()),
  device_code: z.optional(z.string()),
  client_id: z.optional(z.string()),
  scope: z.optional(z.string()),
  subject_token: z.optional(z.string()),
  subject_token_type: z.optional(z.string()),
  tenant: z.optional(z.string()),
  device_name: z.optional(z.string()),
  device_system: z.optional(z.string()),
});
const page = { type: 'text/html', form: Document } as const;
const get = <A extends z.ZodMiniType>(summary: string, answer: A) => {
  return { summary, status: 200, answer } as const;
};
const made = <A extends z.ZodMiniType>(summary: string, answer: A) => {
  return { summary, status: 201, answer } as const;
};
const ended = (summary: string) => ({ summary, status: 204 }) as const;

const TENANT = {
  'GET /tenant/mount/info': get('The bucket, and whether there are keys for it', MountInfo),
  'GET /tenant/mount/credentials': get('Active bucket keys, without secrets', MountCredentialList),
  'POST /tenant/mount/credentials': made('A new bucket key', MountCredentialWithSecret),
  'POST /tenant/mount/credentials/:cred_id/confirm': ended('The key is in use'),
  'POST /tenant/mount/credentials/:cred_id/rotate': made(
    'Another key of the same kind',
    MountCredentialWithSecret,
  ),
  'DELETE /tenant/mount/credentials/:cred_id': ended('End a bucket key'),
  'GET /tenant/events': {
    ...get('What happens, as it happens', StreamMessage),
    type: 'text/event-stream',
  },
  'POST /tenant/sync': ended('Say that something was uploaded'),
  'GET /tenant/snapshots': get('Snapshots of the bucket', SnapshotList),
  'POST /tenant/snapshots': made('Make a snapshot', Snapshot),
  'GET /tenant/versions': get('Versions of an object', ObjectVersionList),
  'POST /webhooks/tigris/:tenant_id': ended("The storage's notifications"),
};

const AUTH = {
  'POST /api/v1/auth/token': {
    ...get('A token for an API key, a refresh token, a device code or an ID token', TokenResponse),
    ...{ form: TokenForm, oauth: true as const },
  },
  'POST /api/v1/auth/device_authorization': {
    ...get('Begin a device flow (RFC 8628)', DeviceAuthorization),
    ...{ form: DeviceAuthorizationRequest, oauth: true as const },
  },
  'POST /api/v1/auth/revoke': {
    ...get('End a session or an API key (RFC 7009)', z.object({})),
    ...{ form: z.object({ token: z.string() }), oauth: true as const },
  },
  'POST /api/v1/auth/login': get('Sign in with a password', TokenResponse),
  'POST /api/v1/auth/password': ended("Change one's own password"),
  'GET /api/v1/auth/me': get('Who the credential is', Me),
  'GET /api/v1/auth/sessions': get("One's own sessions", AuthSessionList),
  'DELETE /api/v1/auth/sessions': ended("End one's own sessions"),
  'DELETE /api/v1/auth/sessions/:id': ended('End a session'),
  'GET /api/v1/api-keys': get('API keys that one may end', ApiKeyList),
  'POST /api/v1/api-keys': made('A new API key', ApiKeyWithSecret),
  'POST /api/v1/api-keys/:id/rotate': made('Replace an API key', ApiKeyWithSecret),
  'DELETE /api/v1/api-keys/:id': ended('End an API key'),
  'GET /device': { ...get('The page that lets a device in', z.string()), type: 'text/html' },
  'POST /device': { ...get('Its first step: which device', z.string()), ...page },
  'POST /device/sign-in': { ...get('Its second step: who are you', z.string()), ...page },
  'POST /device/decide': { ...get('Its third step: for what', z.string()), ...page },
};

const ADMIN = {
  'GET /api/v1/admin/tokens': get('Tokens', AdminTokenList),
  'POST /api/v1/admin/tokens': made('A new token', AdminTokenWithSecret),
  'POST /api/v1/admin/tokens/:id/rotate': made('Replace a token', AdminTokenWithSecret),
  'DELETE /api/v1/admin/tokens/:id': ended('End a token'),
  'GET /api/v1/admin/tenants': get('Tenants', TenantList),
  'POST /api/v1/admin/tenants': made('Add a tenant with its bucket', CreatedTenant),
  'GET /api/v1/admin/tenants/:tenant': get('A tenant', TenantDetail),
  'PATCH /api/v1/admin/tenants/:tenant': get('Change a tenant', TenantDetail),
  'DELETE /api/v1/admin/tenants/:tenant': get('Take a tenant out of use', TenantDetail),
  'PUT /api/v1/admin/tenants/:tenant/policy': get('Allow or deny a tenant', TenantDetail),
  'POST /api/v1/admin/tenants/:tenant/restore': get('Bring a tenant back', TenantDetail),
  'POST /api/v1/admin/tenants/:tenant/purge': get(
    'Delete a tenant with all it has',
    z.union([PurgePlan, PurgeState]),
  ),
  'POST /api/v1/admin/tenants/:tenant/abandon': get(
    'Give up what the storage does not delete',
    AbandonedState,
  ),
  'GET /api/v1/admin/tenants/:tenant/members': get('Members of a tenant', MemberList),
  'POST /api/v1/admin/tenants/:tenant/members': made('Add a member', Member),
  'PATCH /api/v1/admin/tenants/:tenant/members/:user': get("Change a member's role", Member),
  'DELETE /api/v1/admin/tenants/:tenant/members/:user': ended('Remove a member'),
  'GET /api/v1/admin/users': get('Users', UserList),
  'POST /api/v1/admin/users': made('Add a user', CreatedUser),
  'GET /api/v1/admin/users/:id': get('A user', User),
  'PATCH /api/v1/admin/users/:id': get('Change a user', User),
  'POST /api/v1/admin/users/:id/deactivate': get('Shut a user out', User),
  'POST /api/v1/admin/users/:id/activate': get('Let a user in again', User),
  'POST /api/v1/admin/users/:id/reset-password': get('Set a new password', NewPassword),
  'GET /api/v1/admin/audit-events': get('The audit trail', AuditEventList),
  'GET /api/v1/admin/audit-events/verify': get('Whether it was changed', AuditCheck),
  'GET /api/v1/admin/issuers': get('Identity providers that the server trusts', IssuerList),
  'POST /api/v1/admin/issuers': made('Trust an identity provider', Issuer),
  'GET /api/v1/admin/issuers/:id': get('An identity provider', Issuer),
  'DELETE /api/v1/admin/issuers/:id': ended('Trust it no more'),
  'GET /api/v1/admin/issuers/:id/identities': get('Whom it knows as which user', IdentityList),
  'POST /api/v1/admin/issuers/:id/identities': made(
    'Tie one of its identities to a user',
    Identity,
  ),
  'DELETE /api/v1/admin/issuers/:id/identities/:subject': ended('Untie it'),
  'GET /api/v1/admin/drift': get('How database and storage differ', DriftReport),
  'POST /api/v1/admin/drift': get('Put right what can be', DriftReport),
  'GET /api/v1/admin/jobs': get('Jobs of the server', JobList),
  'POST /api/v1/admin/jobs/:name/run': get('Run a job now', JobRun),
  'GET /api/v1/admin/signing-keys': get('Keys that sign access tokens', SigningKeyList),
  'POST /api/v1/admin/signing-keys/rotate': get('Let the next key sign', SigningKeyList),
};

const SERVICE = {
  'GET /healthz': get('Is it alive', Status),
  'GET /readyz': get('Can it work', Status),
  'GET /version': get('What it is', ServerVersion),
  'GET /metrics': { ...get('Numbers for Prometheus', z.string()), type: 'text/plain' },
  'GET /openapi.json': get('This description', Document),
  'GET /.well-known/jwks.json': get('Public keys of access tokens', Jwks),
  'GET /.well-known/oauth-authorization-server': get('RFC 8414', AuthorizationServer),
};

const TABLE = { ...TENANT, ...AUTH, ...ADMIN, ...SERVICE };

/** Every route of the server by method and path, as fastify writes it. */
export const ROUTES: Readonly<Record<string, RouteContract>> = TABLE;

/** What each route answers; undefined: nothing. */
export type RouteAnswers = {
  [R in keyof typeof TABLE]: (typeof TABLE)[R] extends { answer: infer A }
    ? z.output<A>
    : undefined;
};
