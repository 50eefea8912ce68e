import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Me, TokenResponse } from '../../../src/api/contract/auth.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient, PASSWORD, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

const DAY = 86_400_000;
const clock = adjustableClock();
let server: TestServer;
let db: Database;
let client: IdentityClient;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'], clock });
  db = await openDatabaseOf(server);
  client = identityClient(server);
  await client.addUser('ada', 'member', { acme: 'editor' });
  await client.addUser('both', 'member', { acme: 'viewer', other: 'tenant_admin' });
  await client.addUser('nobody');
  await client.addUser('root', 'owner');
});
afterAll(async () => {
  await db.destroy();
  await server.close();
});

const me = (token: string) => client.call('GET', '/api/v1/auth/me', token);
const login = (json: unknown) => client.call('POST', '/api/v1/auth/login', undefined, json);
const events = async (type: string): Promise<Record<string, unknown>[]> => {
  const rows = await db.selectFrom('audit_events').selectAll().where('type', '=', type).execute();
  return rows.map(({ data, ...row }) => ({ ...row, ...(JSON.parse(data) as object) }));
};

describe('signing in with a password', () => {
  it('answers a session, and me says who it is', async () => {
    const { status, headers, body } = await login({
      username: 'ada',
      password: PASSWORD,
      device_name: 'laptop',
    });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    const tokens = TokenResponse.parse(body);
    expect(tokens).toMatchObject({ expires_in: 600, scope: 'mount:read mount' });
    expect(tokens.refresh_token).toMatch(/^cloud_rt_/);
    expect(tokens.refresh_expires_in).toBeGreaterThan(30 * 86_400 - 60);
    const answer = Me.parse((await me(tokens.access_token)).body);
    expect(answer).toMatchObject({
      kind: 'access_token',
      role: 'editor',
      scopes: ['mount:read', 'mount'],
      user: { username: 'ada' },
      tenant: { slug: 'acme' },
      credential: { kind: 'session', label: 'laptop' },
    });
    expect(answer.subject).toBe(`user:${answer.user?.id}`);
    expect(await events('LoginSucceededEvent')).toContainEqual(
      expect.objectContaining({ actor: answer.subject, method: 'password', device_name: 'laptop' }),
    );
  });

  it.each([
    ['as typed on a telephone', 'Ada'],
    ['with letters of full width', 'ａｄａ'],
  ])('finds the user name %s', async (_what, username) => {
    expect((await login({ username, password: PASSWORD })).status).toBe(200);
  });

  it.each<[string, object, number, string]>([
    ['a wrong password', { username: 'ada', password: 'x' }, 401, 'sign-in-failed'],
    ['an unknown name', { username: 'eve', password: PASSWORD }, 401, 'sign-in-failed'],
    ['a look-alike name', { username: 'аda', password: PASSWORD }, 401, 'sign-in-failed'],
    [
      'a foreign tenant',
      { username: 'ada', password: PASSWORD, tenant: 'other' },
      403,
      'no-tenant',
    ],
    ['no tenant at all', { username: 'nobody', password: PASSWORD }, 403, 'no-tenant'],
    ['administration', { username: 'ada', password: PASSWORD, tenant: null }, 403, 'no-tenant'],
    ['several tenants', { username: 'both', password: PASSWORD }, 409, 'tenant-choice-needed'],
    [
      'an unknown scope',
      { username: 'ada', password: PASSWORD, scope: 'root' },
      422,
      'invalid-field',
    ],
    ['an unknown field', { username: 'ada', password: PASSWORD, x: 1 }, 422, 'invalid-field'],
    [
      'scopes beyond the role',
      { username: 'ada', password: PASSWORD, scope: 'tenant' },
      403,
      'no-tenant',
    ],
  ])('refuses %s', async (_what, body, status, code) => {
    expect((await login(body)).body).toMatchObject({ status, code });
  });

  it('lists the tenants to choose from, and takes the choice', async () => {
    const { body } = await login({ username: 'both', password: PASSWORD });
    expect(body['tenants']).toMatchObject([{ slug: 'acme' }, { slug: 'other' }]);
    const tokens = await client.login('both', { tenant: 'other' });
    expect((await me(tokens.access_token)).body).toMatchObject({
      role: 'tenant_admin',
      tenant: { slug: 'other' },
      scopes: ['mount:read', 'mount', 'tenant'],
    });
  });

  it('binds an owner to a tenant, or to none', async () => {
    const bound = await client.login('root', { tenant: 'acme' });
    expect(bound.scope).toBe('mount:read mount tenant');
    const free = await client.login('root', { tenant: null });
    expect(free.scope).toBe('tenants users tokens audit:read instance');
    expect((await client.call('GET', '/api/v1/admin/users', free.access_token)).status).toBe(200);
    const answer = await client.call('GET', '/api/v1/admin/users', bound.access_token);
    expect(answer.body).toMatchObject({ status: 403, code: 'administrator-needed' });
  });

  it('narrows to the scopes that were asked for', async () => {
    const tokens = await client.login('ada', { scope: 'mount:read users' });
    expect(tokens.scope).toBe('mount:read');
    const answer = await client.call('POST', '/tenant/mount/credentials', tokens.access_token);
    expect(answer.body).toMatchObject({ status: 403, code: 'scope-missing' });
  });
});

describe('refreshing', () => {
  it('rotates, and a lost answer signs nobody out', async () => {
    const first = (await client.login('ada')).refresh_token!;
    const lost = await client.refresh(first);
    const again = await client.refresh(first);
    expect([lost.status, again.status]).toEqual([200, 200]);
    expect(lost.body['refresh_token']).not.toBe(again.body['refresh_token']);
    const next = await client.refresh(String(again.body['refresh_token']));
    expect(next.status).toBe(200);
    expect((await me(String(next.body['access_token']))).status).toBe(200);
  });

  it('ends the session when a spent token comes back', async () => {
    const tokens = await client.login('ada');
    const stolen = tokens.refresh_token!;
    const second = (await client.refresh(stolen)).body as TokenResponse;
    const third = (await client.refresh(second.refresh_token!)).body as TokenResponse;
    const replay = await client.refresh(stolen);
    expect(replay).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    for (const token of [tokens, second, third]) {
      expect((await me(token.access_token)).body).toMatchObject({ code: 'token-revoked' });
      expect((await client.refresh(token.refresh_token!)).status).toBe(400);
    }
    expect(await events('RefreshTokenReusedEvent')).toHaveLength(1);
  });

  it('ends the session when two hold copies of one token, as soon as both use what they got', async () => {
    const shared = (await client.login('ada')).refresh_token!;
    const thief = (await client.refresh(shared)).body as TokenResponse;
    const owner = (await client.refresh(shared)).body as TokenResponse;
    expect((await client.refresh(thief.refresh_token!)).status).toBe(200);
    expect((await client.refresh(owner.refresh_token!)).status).toBe(400);
    expect((await me(thief.access_token)).body).toMatchObject({ code: 'token-revoked' });
  });

  it('may narrow, never widen', async () => {
    const { refresh_token } = await client.login('ada');
    const ask = (scope: string, token: string) =>
      client.form('/api/v1/auth/token', {
        grant_type: 'refresh_token',
        refresh_token: token,
        scope,
      });
    const narrow = await ask('mount:read', refresh_token!);
    expect(narrow.body).toMatchObject({ scope: 'mount:read' });
    const wide = await ask('mount:read mount tenant', String(narrow.body['refresh_token']));
    expect(wide.body).toMatchObject({ scope: 'mount:read mount' });
    expect((await ask('root', String(wide.body['refresh_token']))).body).toMatchObject({
      error: 'invalid_scope',
    });
  });

  it.each([
    ['a mistyped token', 'cloud_rt_x'],
    ['an API key', undefined],
  ])('refuses %s', async (_what, token) => {
    const answer = await client.refresh(token ?? server.apiKeyOf('acme'));
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
});

describe('one’s sessions', () => {
  const list = async (token: string): Promise<Record<string, unknown>[]> => {
    const { body } = await client.call('GET', '/api/v1/auth/sessions', token);
    return body['sessions'] as Record<string, unknown>[];
  };

  it('are listed and revoked, and a stolen one ends with the next request', async () => {
    await client.addUser('carl', 'member', { acme: 'editor' });
    const stolen = await client.login('carl', { device_name: 'lost laptop' });
    const mine = await client.login('carl', { device_name: 'desk' });
    const sessions = await list(mine.access_token);
    expect(sessions).toMatchObject([
      { device_name: 'desk', current: true, method: 'password', tenant: { slug: 'acme' } },
      { device_name: 'lost laptop', current: false },
    ]);
    const path = `/api/v1/auth/sessions/${String(sessions[1]!['id'])}`;
    const ada = await client.login('ada');
    expect((await client.call('DELETE', path, ada.access_token)).status).toBe(404);
    expect((await client.call('DELETE', path, mine.access_token)).status).toBe(204);
    expect((await client.call('DELETE', path, mine.access_token)).status).toBe(404);
    expect((await me(stolen.access_token)).body).toMatchObject({ code: 'token-revoked' });
    expect((await client.refresh(stolen.refresh_token!)).status).toBe(400);
    expect((await me(mine.access_token)).status).toBe(200);
  });

  it('end all at once, or all but this one', async () => {
    await client.addUser('dora', 'member', { acme: 'editor' });
    const [one, two] = [await client.login('dora'), await client.login('dora')];
    const all = '/api/v1/auth/sessions';
    expect((await client.call('DELETE', `${all}?keep=current`, two.access_token)).status).toBe(204);
    expect([(await me(one.access_token)).status, (await me(two.access_token)).status]).toEqual([
      401, 200,
    ]);
    expect((await client.call('DELETE', all, two.access_token)).status).toBe(204);
    expect((await me(two.access_token)).status).toBe(401);
  });

  it('are nobody’s for a key that belongs to nobody', async () => {
    const answer = await client.call('GET', '/api/v1/auth/sessions', server.apiKeyOf('acme'));
    expect(answer.body).toMatchObject({ status: 403, code: 'user-needed' });
  });
});

describe('POST /api/v1/auth/revoke', () => {
  const revoke = (token: string) => client.form('/api/v1/auth/revoke', { token });

  it.each(['refresh_token', 'access_token'] as const)('a %s ends its session', async (which) => {
    const tokens = await client.login('ada');
    expect((await revoke(tokens[which]!)).status).toBe(200);
    expect((await me(tokens.access_token)).status).toBe(401);
    expect((await revoke(tokens[which]!)).status).toBe(200);
  });

  it('an API key ends itself', async () => {
    const { access_token } = await client.login('ada');
    const made = await client.call('POST', '/api/v1/api-keys', access_token, { label: 'x' });
    const key = String(made.body['api_key']);
    expect((await revoke(key)).status).toBe(200);
    expect((await me(key)).body).toMatchObject({ code: 'token-revoked' });
  });

  it('knows nothing of an unknown token, and says so of one that cannot be revoked', async () => {
    expect((await revoke('x')).status).toBe(200);
    const { body } = await client.form('/api/v1/auth/token', {
      grant_type: 'urn:cloud-cli:params:oauth:grant-type:api_key',
      api_key: server.apiKeyOf('acme'),
    });
    const answer = await revoke(String(body['access_token']));
    expect(answer).toMatchObject({ status: 400, body: { error: 'unsupported_token_type' } });
  });
});

describe('changing one’s password', () => {
  it('needs the old one, ends the other sessions, and keeps this one', async () => {
    await client.addUser('emil', 'member', { acme: 'editor' });
    const [one, two] = [await client.login('emil'), await client.login('emil')];
    const change = (current_password: string, new_password: string) =>
      client.call('POST', '/api/v1/auth/password', two.access_token, {
        current_password,
        new_password,
      });
    expect((await change('wrong', 'a quite different thing')).body).toMatchObject({
      code: 'invalid-field',
      field: 'current_password',
    });
    expect((await change(PASSWORD, 'short')).body).toMatchObject({ code: 'weak-password' });
    expect((await change(PASSWORD, 'a quite different thing')).status).toBe(204);
    expect((await me(one.access_token)).status).toBe(401);
    expect((await me(two.access_token)).status).toBe(200);
    expect((await login({ username: 'emil', password: PASSWORD })).status).toBe(401);
  });
});

describe('limits', () => {
  it('refuses more tries at one account, from anywhere, and forgets them with time', async () => {
    await client.addUser('fritz', 'member', { acme: 'viewer' });
    const guess = () => login({ username: 'fritz', password: 'wrong' });
    const answers = [];
    for (let count = 0; count < 11; count += 1) answers.push(await guess());
    expect(answers.slice(0, 10).every(({ status }) => status === 401)).toBe(true);
    expect(answers[10]).toMatchObject({ status: 429, body: { code: 'too-many-tries' } });
    expect(Number(answers[10]!.headers.get('retry-after'))).toBeGreaterThan(0);
    // The right password is not looked at either, or the limit would tell that it is right.
    expect((await login({ username: 'fritz', password: PASSWORD })).status).toBe(429);
    clock.advance(100_000);
    expect((await login({ username: 'fritz', password: PASSWORD })).status).toBe(200);
  });

  it('counts an account that does not exist alike', async () => {
    const statuses = [];
    for (let count = 0; count < 11; count += 1) {
      statuses.push((await login({ username: 'ghost', password: 'x' })).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429]);
    clock.advance(900_000);
  });

  it('refuses a session that is refreshed without end', async () => {
    let { refresh_token: token } = await client.login('ada');
    let [answer, count] = [await client.refresh(token!), 1];
    // A slow machine earns some more on the way.
    for (; answer.status === 200 && count < 200; count += 1) {
      token = (answer.body as TokenResponse).refresh_token;
      answer = await client.refresh(token!);
    }
    expect(count).toBeGreaterThan(60);
    expect(answer).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable' } });
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    clock.advance(60_000);
    expect((await client.refresh(token!)).status).toBe(200);
  });

  it('is written down once a minute, not once a try', async () => {
    await server.server.upkeep();
    const failed = await events('LoginFailedEvent');
    const fritz = await db
      .selectFrom('users')
      .select('id')
      .where('username', '=', 'fritz')
      .executeTakeFirstOrThrow();
    expect(failed).toContainEqual(
      expect.objectContaining({ subject_id: fritz.id, attempts: 10, actor: 'server' }),
    );
    expect(JSON.stringify(failed)).not.toContain('ghost');
  });
});

describe('in time, a session', () => {
  it('ends after 30 days without use', async () => {
    const { refresh_token } = await client.login('ada');
    clock.advance(30 * DAY + 1000);
    expect((await client.refresh(refresh_token!)).body).toMatchObject({ error: 'invalid_grant' });
  });

  it('ends after 90 days in any case, and forgets the oldest tokens on the way', async () => {
    let tokens = await client.login('ada');
    const { body } = await me(tokens.access_token);
    const session = (body['credential'] as { id: string }).id;
    for (let day = 0; day < 85; day += 17) {
      clock.advance(17 * DAY);
      const { status, body: next } = await client.refresh(tokens.refresh_token!);
      expect(status).toBe(200);
      tokens = next as TokenResponse;
    }
    expect(tokens.refresh_expires_in).toBeLessThanOrEqual(5 * 86_400);
    const kept = await db
      .selectFrom('refresh_tokens')
      .select('id')
      .where('session_id', '=', session)
      .execute();
    expect(kept.length).toBeLessThanOrEqual(4);
    clock.advance(5 * DAY);
    expect((await client.refresh(tokens.refresh_token!)).status).toBe(400);
  });
});
