import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AdminTokenWithSecret } from '../../../src/api/contract/admin-tokens.ts';
import { adjustableClock, type AdjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const TOKENS = '/api/v1/admin/tokens';
const DAY = 86_400_000;
let clock: AdjustableClock;
let server: TestServer;
let client: IdentityClient;
beforeAll(async () => {
  clock = adjustableClock();
  server = await startTestServer({ tenants: ['acme'], clock });
  client = identityClient(server);
  await client.addUser('ada', 'admin');
});
afterAll(() => server.close());

let admin: string;
beforeEach(async () => {
  admin = (await client.login('ada', { tenant: null })).access_token;
});

async function add(by: string, json: object = {}): Promise<AdminTokenWithSecret> {
  const answer = await client.call('POST', TOKENS, by, { label: 'ops', tenant: null, ...json });
  expect(answer).toMatchObject({ status: 201 });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  return AdminTokenWithSecret.parse(answer.body);
}
const refusal = async (method: string, path: string, by: string, json?: object) => {
  const { status, body } = await client.call(method, path, by, json);
  return { status, code: body['code'], field: body['field'] };
};
const list = async (query = '') => {
  const { body } = await client.call('GET', `${TOKENS}?${query}`, server.adminToken);
  return (body as { tokens: Record<string, unknown>[] }).tokens;
};
const me = async (token: string) => client.call('GET', '/api/v1/auth/me', token);

describe('an admin token', () => {
  it('administers from the next request on, is shown once, and is listed without its secret', async () => {
    const made = await add(server.adminToken, { label: 'deploy', scopes: ['tenants'] });
    expect(made).toMatchObject({
      kind: 'admin',
      scopes: ['tenants'],
      tenant: null,
      state: 'active',
    });
    expect(made.prefix).toBe(`cloud_adm_${made.id}`);
    expect(made.token.startsWith(`${made.prefix}_`)).toBe(true);
    expect(made.token.endsWith(made.last4)).toBe(true);
    expect(Date.parse(made.expires_at) - Date.parse(made.created_at)).toBe(90 * DAY);
    expect((await client.call('GET', '/api/v1/admin/tenants', made.token)).status).toBe(200);
    expect(await refusal('GET', TOKENS, made.token)).toMatchObject({ code: 'scope-missing' });
    const listed = await list();
    expect(JSON.stringify(listed)).not.toContain(made.token.slice(-20));
    expect(listed[0]).toMatchObject({ id: made.id, label: 'deploy' });
    expect(listed[0]?.['last_used_at']).not.toBeNull();
  });

  it('notes its use once a minute', async () => {
    const { token, id } = await add(server.adminToken);
    const used = async () => (await list()).find((each) => each['id'] === id)?.['last_used_at'];
    await me(token);
    const first = await used();
    await me(token);
    expect(await used()).toBe(first);
    clock.advance(61_000);
    await me(token);
    expect(await used()).not.toBe(first);
  });

  it('of a tenant is an API key of nobody, which stays when its maker goes', async () => {
    const made = await add(admin, { tenant: 'acme', scopes: ['mount'] });
    expect(made).toMatchObject({ kind: 'api', tenant: 'acme', owner: null, scopes: ['mount'] });
    expect(await me(made.token)).toMatchObject({ body: { tenant: { slug: 'acme' } } });
    expect((await list('tenant=acme')).map((each) => each['id'])).toContain(made.id);
    const own = await add(admin, { scopes: ['tenants'] });
    expect(own.owner).toBe('ada');
    await client.call('POST', '/api/v1/admin/users/ada/deactivate', server.adminToken);
    expect(await me(own.token)).toMatchObject({ status: 401, body: { code: 'token-revoked' } });
    expect((await me(made.token)).status).toBe(200);
    await client.call('POST', '/api/v1/admin/users/ada/activate', server.adminToken);
  });

  it('never exceeds its maker, in scope or time', async () => {
    const few = await add(server.adminToken, {
      scopes: ['tokens', 'mount:read'],
      expires_in: 3600,
    });
    const wish = (json: object) =>
      refusal('POST', TOKENS, few.token, { label: 'x', tenant: null, ...json });
    expect([
      await wish({ scopes: ['tokens', 'users'] }),
      await wish({ expires_in: 7200 }),
      await wish({ tenant: 'acme', scopes: ['mount'] }),
      await wish({ tenant: 'acme', scopes: ['tokens'] }),
      await wish({ scopes: ['mount:read'] }),
      await wish({ tenant: 'nobody' }),
    ]).toEqual([
      { status: 422, code: 'invalid-field', field: 'scopes' },
      { status: 422, code: 'invalid-field', field: 'expires_in' },
      { status: 422, code: 'invalid-field', field: 'scopes' },
      { status: 422, code: 'invalid-field', field: 'scopes' },
      { status: 422, code: 'invalid-field', field: 'scopes' },
      { status: 404, code: 'tenant-not-found', field: undefined },
    ]);
    const made = await add(few.token, { tenant: 'acme' });
    expect(made.scopes).toEqual(['mount:read']);
    expect(made.expires_at).toBe(few.expires_at);
    expect(
      await refusal('POST', TOKENS, admin, { label: 'x', tenant: null, scopes: ['instance'] }),
    ).toMatchObject({ status: 422, field: 'scopes' });
    // Neither by rotating or ending somebody's that may do more.
    const owners = await add(server.adminToken);
    expect(await refusal('POST', `${TOKENS}/${owners.id}/rotate`, admin)).toMatchObject({
      status: 403,
      code: 'not-yours',
    });
    expect(await refusal('DELETE', `${TOKENS}/${owners.id}`, admin)).toMatchObject({
      status: 403,
      code: 'owner-needed',
    });
  });

  it('that is missing, wrong, expired or revoked is refused explicitly, the last two to its holder only', async () => {
    const [revoked, expired] = [
      await add(server.adminToken),
      await add(server.adminToken, { expires_in: 60 }),
    ];
    expect(await client.call('DELETE', `${TOKENS}/${revoked.id}`, server.adminToken)).toMatchObject(
      {
        status: 204,
      },
    );
    clock.advance(61_000);
    const code = async (token?: string) => (await client.call('GET', TOKENS, token)).body['code'];
    const guessed = (token: string) =>
      token.replace(/_[\w-]{43}[0-9a-f]{8}$/, `_${'A'.repeat(43)}00000000`);
    expect([
      await code(),
      await code('nonsense'),
      await code(revoked.token),
      await code(expired.token),
      await code(guessed(revoked.token)),
      await code(guessed(expired.token)),
    ]).toEqual([
      'authentication-required',
      'token-invalid',
      'token-revoked',
      'token-expired',
      'token-invalid',
      'token-invalid',
    ]);
    expect((await list()).map((each) => each['id'])).not.toContain(revoked.id);
    const ended = await list('ended=true');
    expect(ended.find((each) => each['id'] === revoked.id)).toMatchObject({ state: 'revoked' });
    expect(ended.find((each) => each['id'] === expired.id)).toMatchObject({ state: 'expired' });
    expect(await refusal('DELETE', `${TOKENS}/${revoked.id}`, server.adminToken)).toMatchObject({
      status: 404,
      code: 'token-not-found',
    });
  });

  it('is rotated: a new one of the same kind, and the old one for the overlap', async () => {
    const old = await add(server.adminToken, { label: 'deploy', scopes: ['tenants', 'tokens'] });
    const rotate = (id: string, by: string, json?: object) =>
      client.call('POST', `${TOKENS}/${id}/rotate`, by, json);
    const answer = await rotate(old.id, old.token, { overlap: 60 });
    expect(answer).toMatchObject({ status: 201, body: { label: 'deploy', scopes: old.scopes } });
    const fresh = AdminTokenWithSecret.parse(answer.body);
    expect((await me(old.token)).status).toBe(200);
    expect((await rotate(old.id, fresh.token)).body).toMatchObject({ code: 'already-rotated' });
    clock.advance(61_000);
    expect((await me(old.token)).body).toMatchObject({ code: 'token-expired' });
    expect((await me(fresh.token)).status).toBe(200);
  });
});

describe('the last one that owns the server', () => {
  it('cannot be ended, also not by two who end each other', async () => {
    await using own = await startTestServer();
    const alone = identityClient(own);
    const { body } = await alone.call('POST', TOKENS, own.adminToken, { label: 'b', tenant: null });
    const second = AdminTokenWithSecret.parse(body);
    const { tokens } = (await alone.call('GET', TOKENS, own.adminToken)).body as {
      tokens: { id: string }[];
    };
    const first = tokens.find(({ id }) => id !== second.id)!;
    const ends = await Promise.all([
      alone.call('DELETE', `${TOKENS}/${first.id}`, second.token),
      alone.call('DELETE', `${TOKENS}/${second.id}`, own.adminToken),
    ]);
    expect(ends.filter(({ status }) => status === 204)).toHaveLength(1);
    const left = ends[0].status === 204 ? second : { id: first.id, token: own.adminToken };
    const refused = await alone.call('DELETE', `${TOKENS}/${left.id}`, left.token);
    expect(refused).toMatchObject({ status: 409, body: { code: 'last-admin-token' } });
    await identityClient({ url: own.url, adminToken: left.token }).addUser('olga', 'owner');
    expect((await alone.call('DELETE', `${TOKENS}/${left.id}`, left.token)).status).toBe(204);
  });
});
