import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiKeyList, ApiKeyWithSecret } from '../../../src/api/contract/api-keys.ts';
import { API_KEY_GRANT } from '../../../src/api/contract/auth.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const clock = adjustableClock();
let server: TestServer;
let client: IdentityClient;
const tokens = new Map<string, string>();
const token = (name: string): string => tokens.get(name)!;

const KEYS = '/api/v1/api-keys';

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'], clock });
  client = identityClient(server);
  await client.addUser('editor', 'member', { acme: 'editor', other: 'editor' });
  await client.addUser('viewer', 'member', { acme: 'viewer' });
  await client.addUser('chief', 'member', { acme: 'tenant_admin' });
  await client.addUser('admin', 'admin');
  await client.addUser('owner', 'owner');
  for (const [name, tenant] of [
    ['editor', 'acme'],
    ['viewer', 'acme'],
    ['chief', 'acme'],
    ['admin', null],
    ['owner', null],
  ] as const) {
    tokens.set(name, (await client.login(name, { tenant })).access_token);
  }
});
afterAll(() => server.close());

async function add(by: string, json: object = {}): Promise<ApiKeyWithSecret> {
  const answer = await client.call('POST', KEYS, by, { label: 'ci', ...json });
  expect(answer).toMatchObject({ status: 201 });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  return ApiKeyWithSecret.parse(answer.body);
}
const list = async (by: string) =>
  ApiKeyList.parse((await client.call('GET', KEYS, by)).body).api_keys;
const me = (by: string) => client.call('GET', '/api/v1/auth/me', by);

describe('API keys', () => {
  it('are shown once, and work as Bearer and at the token endpoint', async () => {
    const key = await add(token('editor'), { scopes: ['mount:read'] });
    expect(key).toMatchObject({
      label: 'ci',
      scopes: ['mount:read'],
      owner: 'editor',
      tenant: { slug: 'acme' },
      last_used_at: null,
      prefix: `cloud_key_${key.id}`,
      last4: key.api_key.slice(-4),
    });
    const answer = await client.call('GET', KEYS, token('editor'));
    expect(JSON.stringify(answer.body)).not.toContain(key.api_key);
    expect((await me(key.api_key)).body).toMatchObject({
      kind: 'api_key',
      user: { username: 'editor' },
      role: 'editor',
      scopes: ['mount:read'],
    });
    const form = { grant_type: API_KEY_GRANT, api_key: key.api_key };
    const { body } = await client.form('/api/v1/auth/token', form);
    expect(body).toMatchObject({ scope: 'mount:read' });
    expect(body).not.toHaveProperty('refresh_token');
    expect((await list(token('editor')))[0]?.last_used_at).not.toBeNull();
  });

  it('note their use at most once a minute', async () => {
    const key = await add(token('editor'));
    const used = async () => {
      await me(key.api_key);
      return (await list(token('editor'))).find(({ id }) => id === key.id)?.last_used_at;
    };
    const first = await used();
    clock.advance(30_000);
    expect(await used()).toBe(first);
    clock.advance(31_000);
    expect(await used()).not.toBe(first);
  });

  it.each<[string, () => string, object, number, string, string?]>([
    [
      'instance scopes in a tenant',
      () => token('editor'),
      { scopes: ['users'] },
      422,
      'invalid-field',
      'scopes',
    ],
    [
      'more than the maker has',
      () => token('viewer'),
      { scopes: ['mount'] },
      422,
      'invalid-field',
      'scopes',
    ],
    [
      'a foreign tenant',
      () => token('editor'),
      { tenant: 'other' },
      404,
      'tenant-not-found',
      'tenant',
    ],
    [
      'no tenant, from one',
      () => token('editor'),
      { tenant: null },
      422,
      'invalid-field',
      'tenant',
    ],
    [
      'tenant scopes without one',
      () => token('admin'),
      { scopes: ['mount'] },
      422,
      'invalid-field',
      'scopes',
    ],
    [
      'what only owners may',
      () => token('admin'),
      { scopes: ['instance'] },
      422,
      'invalid-field',
      'scopes',
    ],
    [
      'an unknown tenant',
      () => token('admin'),
      { tenant: 'none' },
      404,
      'tenant-not-found',
      'tenant',
    ],
    ['no scope at all', () => token('editor'), { scopes: [] }, 422, 'invalid-field', 'scopes'],
    [
      'two years',
      () => token('editor'),
      { expires_in: 63_072_000 },
      422,
      'invalid-field',
      'expires_in',
    ],
  ])('are not made with %s', async (_what, by, json, status, code, field) => {
    const { body } = await client.call('POST', KEYS, by(), { label: 'x', ...json });
    expect(body).toMatchObject({ status, code, field });
  });

  it('stay in their tenant', async () => {
    const key = await add(token('editor'));
    const made = await client.call('POST', KEYS, key.api_key, { label: 'x', tenant: 'other' });
    expect(made.status).toBe(404);
    const elsewhere = await client.login('editor', { tenant: 'other' });
    const other = await add(elsewhere.access_token);
    expect((await list(key.api_key)).map(({ id }) => id)).not.toContain(other.id);
    expect((await client.call('DELETE', `${KEYS}/${other.id}`, key.api_key)).status).toBe(404);
  });

  it('that only read make, renew and end none; but may end themselves', async () => {
    const reader = await add(token('editor'), { scopes: ['mount:read'] });
    const other = await add(token('editor'));
    for (const [method, path, json] of [
      ['POST', KEYS, { label: 'x' }],
      ['POST', `${KEYS}/${reader.id}/rotate`],
      ['DELETE', `${KEYS}/${other.id}`],
    ] as const) {
      const { body } = await client.call(method, path, reader.api_key, json);
      expect(body).toMatchObject({ status: 403, code: 'read-only' });
    }
    const writes = await client.call('POST', '/tenant/mount/credentials', reader.api_key);
    expect(writes.body).toMatchObject({ status: 403, code: 'scope-missing' });
    expect((await client.call('DELETE', `${KEYS}/${reader.id}`, reader.api_key)).status).toBe(204);
    expect((await me(reader.api_key)).body).toMatchObject({ code: 'token-revoked' });
  });

  it('make none that outlives them', async () => {
    const short = await add(token('editor'), { expires_in: 3600 });
    const child = await add(short.api_key);
    expect(Date.parse(child.expires_at)).toBeLessThanOrEqual(Date.parse(short.expires_at));
    const json = { label: 'x', expires_in: 7200 };
    const { body } = await client.call('POST', KEYS, short.api_key, json);
    expect(body).toMatchObject({ status: 422, field: 'expires_in' });
  });

  it('are seen and ended by their owner, the tenant’s administrator and administrators', async () => {
    const key = await add(token('editor'));
    for (const [by, seen] of [
      ['viewer', false],
      ['editor', true],
      ['chief', true],
      ['admin', true],
    ] as const) {
      expect((await list(token(by))).some(({ id }) => id === key.id)).toBe(seen);
    }
    const path = `${KEYS}/${key.id}`;
    expect((await client.call('DELETE', path, token('viewer'))).status).toBe(404);
    expect((await client.call('DELETE', `${KEYS}/none`, token('viewer'))).status).toBe(404);
    expect((await client.call('DELETE', path, token('chief'))).status).toBe(204);
    expect((await client.call('DELETE', path, token('chief'))).status).toBe(404);
  });

  it('never give more than their owner has by now', async () => {
    const key = await add(token('chief'));
    const member = '/api/v1/admin/tenants/acme/members/chief';
    await client.call('PATCH', member, token('admin'), { role: 'viewer' });
    expect((await me(key.api_key)).body).toMatchObject({ role: 'viewer', scopes: ['mount:read'] });
    await client.call('PATCH', member, token('admin'), { role: 'tenant_admin' });
  });

  it('of administrators administer as far as they go', async () => {
    const key = await add(token('owner'), { scopes: ['users'] });
    expect((await client.call('GET', '/api/v1/admin/users', key.api_key)).status).toBe(200);
    expect((await client.call('GET', '/api/v1/admin/tenants', key.api_key)).status).toBe(403);
    const bound = await add(token('owner'), { tenant: 'acme', scopes: ['mount:read'] });
    expect((await me(bound.api_key)).body).toMatchObject({ tenant: { slug: 'acme' } });
  });
});

describe('rotating', () => {
  const rotate = (id: string, by: string, json?: object) =>
    client.call('POST', `${KEYS}/${id}/rotate`, by, json);

  it('leaves both for an hour, then the new one', async () => {
    const old = await add(token('editor'), { scopes: ['mount:read', 'mount'] });
    const answer = await rotate(old.id, old.api_key);
    expect(answer.status).toBe(201);
    const fresh = ApiKeyWithSecret.parse(answer.body);
    expect(fresh).toMatchObject({ label: 'ci', scopes: ['mount:read', 'mount'], owner: 'editor' });
    expect([(await me(old.api_key)).status, (await me(fresh.api_key)).status]).toEqual([200, 200]);
    expect((await list(token('editor'))).find(({ id }) => id === old.id)).toMatchObject({
      replaced_by: fresh.id,
    });
    expect((await rotate(old.id, old.api_key)).body).toMatchObject({ code: 'already-rotated' });
    clock.advance(3_601_000);
    expect((await me(old.api_key)).body).toMatchObject({ code: 'token-expired' });
    expect((await me(fresh.api_key)).status).toBe(200);
  });

  it('leaves never more than two', async () => {
    tokens.set('editor', (await client.login('editor', { tenant: 'acme' })).access_token);
    const first = await add(token('editor'));
    const second = (await rotate(first.id, token('editor'))).body as ApiKeyWithSecret;
    const third = (await rotate(second.id, token('editor'))).body as ApiKeyWithSecret;
    const states = [];
    for (const { api_key: key } of [first, second, third]) states.push((await me(key)).status);
    expect(states).toEqual([401, 200, 200]);
  });

  it('ends the old one at once if asked to', async () => {
    const old = await add(token('editor'));
    expect((await rotate(old.id, token('editor'), { overlap: 0 })).status).toBe(201);
    expect((await me(old.api_key)).status).toBe(401);
  });

  it('is not a way to another’s rights', async () => {
    tokens.set('admin', (await client.login('admin', { tenant: null })).access_token);
    tokens.set('owner', (await client.login('owner', { tenant: null })).access_token);
    const owners = await add(token('owner'), { scopes: ['instance'] });
    const answer = await rotate(owners.id, token('admin'));
    expect(answer.body).toMatchObject({ status: 403, code: 'not-yours' });
  });

  it('meets no limit, where a new key does', async () => {
    await client.addUser('many', 'member', { acme: 'editor' });
    const { access_token: many } = await client.login('many');
    const keys = [];
    for (let count = 0; count < 50; count += 1) keys.push(await add(many));
    const { body } = await client.call('POST', KEYS, many, { label: 'one more' });
    expect(body).toMatchObject({ status: 409, code: 'token-limit', limit: 50 });
    expect((await rotate(keys[0]!.id, many)).status).toBe(201);
  });
});
