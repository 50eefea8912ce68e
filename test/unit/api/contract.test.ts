import { expect, it } from 'vitest';
import type * as z from 'zod/mini';
import {
  ApiKeyList,
  ApiKeyWithSecret,
  CreateApiKey,
  RotateApiKey,
  type ApiKey,
} from '../../../src/api/contract/api-keys.ts';
import {
  AuthorizationServer,
  AuthSessionList,
  ChangePassword,
  CLIENT_ID,
  DEVICE_CODE_GRANT,
  DeviceAuthorization,
  DeviceAuthorizationRequest,
  LoginRequest,
  REFRESH_TOKEN_GRANT,
  type AuthSession,
} from '../../../src/api/contract/auth.ts';
import { INSTANCE_SCOPES, Role, SCOPES, TENANT_SCOPES } from '../../../src/api/contract/scopes.ts';
import {
  AddMember,
  ChangeMember,
  ChangeUser,
  CreatedUser,
  CreateUser,
  MemberList,
  NewPassword,
  ResetPassword,
  USERNAME,
  UserList,
  type Member,
  type User,
} from '../../../src/api/contract/users.ts';

const id = '0f8fad5b-d9cb-469f-a165-70867728950e';
const at = '2026-01-01T00:00:00.000Z';
const tenant = { id, slug: 'acme', name: 'Acme' };
const user: User = {
  id,
  username: 'ada',
  display_name: null,
  email: null,
  role: 'member',
  status: 'active',
  memberships: [{ tenant, role: 'editor' }],
  created_at: at,
  last_sign_in_at: null,
};
const member: Member = {
  user: { id, username: 'ada', display_name: 'Ada', status: 'active' },
  role: 'viewer',
  created_at: at,
};
const session: AuthSession = {
  id,
  current: true,
  method: 'device',
  device_name: 'laptop',
  device_system: null,
  address: '127.0.0.1',
  tenant,
  scopes: ['mount'],
  created_at: at,
  last_used_at: at,
  expires_at: at,
};
const apiKey: ApiKey = {
  id: 'AAAAAAAAAAAA',
  prefix: 'cloud_key_AAAAAAAAAAAA',
  last4: 'abcd',
  label: 'ci',
  scopes: ['mount'],
  tenant: null,
  owner: 'ada',
  current: false,
  created_at: at,
  last_used_at: null,
  expires_at: at,
  replaced_by: null,
};

it.each<[string, z.ZodMiniType, unknown]>([
  [
    'device code',
    DeviceAuthorizationRequest,
    { client_id: CLIENT_ID, device_name: 'Adas Laptop ✨' },
  ],
  [
    'device codes',
    DeviceAuthorization,
    {
      device_code: 'x',
      user_code: 'BCDF-GHJK',
      verification_uri: 'http://127.0.0.1:1/device',
      verification_uri_complete: 'http://127.0.0.1:1/device?user_code=BCDF-GHJK',
      expires_in: 600,
      interval: 5,
    },
  ],
  ['login without a tenant', LoginRequest, { username: 'ada', password: 'x', tenant: null }],
  ['password', ChangePassword, { current_password: 'a', new_password: 'b' }],
  ['sessions', AuthSessionList, { sessions: [session] }],
  [
    'metadata',
    AuthorizationServer,
    {
      issuer: 'http://127.0.0.1:1',
      token_endpoint: 'http://127.0.0.1:1/t',
      device_authorization_endpoint: 'http://127.0.0.1:1/d',
      revocation_endpoint: 'http://127.0.0.1:1/r',
      jwks_uri: 'http://127.0.0.1:1/j',
      grant_types_supported: [DEVICE_CODE_GRANT, REFRESH_TOKEN_GRANT],
      scopes_supported: [...SCOPES],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['none'],
      trusted_issuers: [],
      revocation_endpoint_auth_methods_supported: ['none'],
    },
  ],
  ['new key', CreateApiKey, { label: 'ci', scopes: ['mount:read'], tenant: null, expires_in: 60 }],
  ['keys', ApiKeyList, { api_keys: [apiKey] }],
  ['key with secret', ApiKeyWithSecret, { ...apiKey, api_key: 'x' }],
  ['rotation', RotateApiKey, { overlap: 0 }],
  ['new user', CreateUser, { username: 'Ada', email: 'ada@example.org', role: 'admin' }],
  ['emptied name', ChangeUser, { display_name: null }],
  ['users', UserList, { users: [user], next: 'ada' }],
  ['made user', CreatedUser, { ...user, password: null }],
  ['reset', ResetPassword, {}],
  ['reset answer', NewPassword, { password: 'x' }],
  ['new member', AddMember, { user: 'ada', role: 'viewer' }],
  ['changed member', ChangeMember, { role: 'tenant_admin' }],
  ['members', MemberList, { members: [member], next: null }],
  ['role', Role, 'owner'],
])('takes: %s', (_what, schema, value) => {
  expect(schema.parse(value)).toEqual(value);
});

it.each<[string, z.ZodMiniType, unknown]>([
  ['another client', DeviceAuthorizationRequest, { client_id: 'other' }],
  ['unknown field', LoginRequest, { username: 'a', password: 'b', admin: true }],
  [
    'escape sequence in a name',
    DeviceAuthorizationRequest,
    { client_id: CLIENT_ID, device_name: 'a\u001b[31m' },
  ],
  ['reversed name', CreateUser, { username: 'a', display_name: 'a\u202eb' }],
  ['invisible name', CreateApiKey, { label: '\u200b' }],
  ['name of spaces', CreateApiKey, { label: ' a' }],
  ['unknown scope', CreateApiKey, { label: 'a', scopes: ['root'] }],
  ['longer than a year', CreateApiKey, { label: 'a', expires_in: 366 * 86_400 }],
  ['role null', ChangeUser, { role: null }],
  ['address', ChangeUser, { email: 'nobody' }],
  ['owner of a tenant', AddMember, { user: 'a', role: 'owner' }],
])('refuses: %s', (_what, schema, value) => {
  expect(schema.safeParse(value).success).toBe(false);
});

it('keeps the scopes of tenant and instance apart', () => {
  expect(new Set([...TENANT_SCOPES, ...INSTANCE_SCOPES]).size).toBe(SCOPES.length);
});

it.each(['a', 'ada', 'ada.lovelace+x@example.org', 'a'.repeat(64)])('a user name: %s', (name) => {
  expect(name).toMatch(USERNAME);
});
it.each(['', 'Ada', '.ada', 'ada.', 'a b', 'аda', 'a'.repeat(65), 'a\n'])('none: %j', (name) => {
  expect(name).not.toMatch(USERNAME);
});
