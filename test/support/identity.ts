import type { TokenResponse } from '../../src/api/contract/auth.ts';
import type { InstanceRole, TenantRole } from '../../src/api/contract/scopes.ts';
import type { CreatedUser } from '../../src/api/contract/users.ts';

/** Good enough for every user of a test. */
export const PASSWORD = 'correct horse battery staple';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export interface IdentityClient {
  /** `token` undefined: nobody. */
  call(method: string, path: string, token?: string, json?: unknown): Promise<Answer>;
  form(path: string, fields: Record<string, string>): Promise<Answer>;
  /** A user with `PASSWORD`, and a member of these tenants. */
  addUser(
    username: string,
    role?: InstanceRole,
    memberships?: Record<string, TenantRole>,
  ): Promise<CreatedUser>;
  login(username: string, more?: Record<string, unknown>): Promise<TokenResponse>;
  refresh(refreshToken: string): Promise<Answer>;
}

/** Requests to a server as a client of its own would send them, without our client's checks. */
export function identityClient(server: { url: string; adminToken: string }): IdentityClient {
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(server.url + path, init);
    const text = await response.text();
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  };
  const client: IdentityClient = {
    call: (method, path, token, json) =>
      send(path, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      }),
    form: (path, fields) => send(path, { method: 'POST', body: new URLSearchParams(fields) }),
    addUser: async (username, role = 'member', memberships = {}) => {
      const path = '/api/v1/admin/users';
      const user = { username, role, password: PASSWORD };
      const { status, body } = await client.call('POST', path, server.adminToken, user);
      if (status !== 201) throw new Error(JSON.stringify(body));
      for (const [slug, tenantRole] of Object.entries(memberships)) {
        const added = await client.call(
          'POST',
          `/api/v1/admin/tenants/${slug}/members`,
          server.adminToken,
          { user: username, role: tenantRole },
        );
        if (added.status !== 201) throw new Error(JSON.stringify(added.body));
      }
      return body as CreatedUser;
    },
    login: async (username, more = {}) => {
      const { status, body } = await client.call('POST', '/api/v1/auth/login', undefined, {
        username,
        password: PASSWORD,
        ...more,
      });
      if (status !== 200) throw new Error(JSON.stringify(body));
      return body as TokenResponse;
    },
    refresh: (refreshToken) =>
      client.form('/api/v1/auth/token', {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
      }),
  };
  return client;
}
