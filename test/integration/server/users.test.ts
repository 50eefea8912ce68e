import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CreatedUser, MemberList, UserList } from '../../../src/api/contract/users.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { identityClient, PASSWORD, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

let server: TestServer;
let db: Database;
let client: IdentityClient;
let owner: string;
let admin: string;

const USERS = '/api/v1/admin/users';
const MEMBERS = '/api/v1/admin/tenants/acme/members';

beforeAll(async () => {
  server = await startTestServer({
    tenants: ['acme', 'other'],
    env: { CLOUD_SERVER_ADMIN_USERNAME: 'Boss', CLOUD_SERVER_ADMIN_PASSWORD: PASSWORD },
  });
  db = await openDatabaseOf(server);
  client = identityClient(server);
  await client.addUser('admin', 'admin');
  owner = (await client.login('boss', { tenant: null })).access_token;
  admin = (await client.login('admin', { tenant: null })).access_token;
});
afterAll(async () => {
  await db.destroy();
  await server.close();
});

describe('the first owner', () => {
  it('is made by the first start, and not touched by another one', async () => {
    const { body } = await client.call('GET', `${USERS}/boss`, owner);
    expect(body).toMatchObject({ username: 'boss', role: 'owner', status: 'active' });
  });
});

describe('users', () => {
  it('are added with a password that is shown once', async () => {
    const { status, headers, body } = await client.call('POST', USERS, admin, {
      username: 'New.Person@example.org',
      display_name: 'Nía Person',
    });
    expect(status).toBe(201);
    expect(headers.get('cache-control')).toBe('no-store');
    const user = CreatedUser.parse(body);
    expect(user).toMatchObject({ username: 'new.person@example.org', role: 'member' });
    const list = UserList.parse((await client.call('GET', USERS, admin)).body);
    expect(list.users.map(({ username }) => username)).toEqual(
      list.users.map(({ username }) => username).toSorted(),
    );
    expect(JSON.stringify(list)).not.toMatch(/password|argon2/);
    const rows = await db.selectFrom('users').selectAll().where('id', '=', user.id).execute();
    expect(JSON.stringify(rows)).not.toContain(user.password);
  });

  it.each<[string, object, number, string, string?]>([
    ['a name in use', { username: 'BOSS' }, 409, 'username-taken', 'username'],
    ['a look-alike (Cyrillic)', { username: 'bоss' }, 422, 'invalid-field', 'username'],
    [
      'a name with an invisible letter',
      { username: 'bo\u200bss' },
      422,
      'invalid-field',
      'username',
    ],
    [
      'a reversed name',
      { username: 'x', display_name: '\u202eabc' },
      422,
      'invalid-field',
      'display_name',
    ],
    ['a weak password', { username: 'x', password: 'short' }, 422, 'weak-password', 'password'],
    ['an unknown role', { username: 'x', role: 'god' }, 422, 'invalid-field', 'role'],
    ['an owner by an admin', { username: 'x', role: 'owner' }, 422, 'owner-needed', 'role'],
  ])('refuses %s', async (_what, user, status, code, field) => {
    const { body } = await client.call('POST', USERS, admin, user);
    expect(body).toMatchObject({ status, code, ...(field === undefined ? {} : { field }) });
  });

  it('change what is named: absent stays, null empties', async () => {
    await client.addUser('paul');
    const patch = (json: object) => client.call('PATCH', `${USERS}/paul`, admin, json);
    const email = 'paul@example.org';
    expect((await patch({ display_name: 'Paul', email })).body).toMatchObject({
      display_name: 'Paul',
      email,
    });
    expect((await patch({ display_name: null })).body).toMatchObject({ display_name: null, email });
    expect((await patch({})).body).toMatchObject({ display_name: null, email });
    expect((await patch({ role: null })).body).toMatchObject({ status: 422, field: 'role' });
    expect((await patch({ email: 'x' })).body).toMatchObject({ status: 422, field: 'email' });
    expect((await client.call('PATCH', `${USERS}/nobody`, admin, {})).status).toBe(404);
  });

  it('are ended, reset and made owners by owners only, if they are owners', async () => {
    await client.addUser('second', 'owner');
    const second = `${USERS}/second`;
    for (const [method, path, json] of [
      ['POST', `${second}/deactivate`],
      ['POST', `${second}/reset-password`, {}],
      ['PATCH', second, { role: 'admin' }],
      ['PATCH', second, { email: 'thief@example.org' }],
    ] as const) {
      const { body } = await client.call(method, path, admin, json);
      expect(body).toMatchObject({ status: 403, code: 'owner-needed' });
    }
    const grant = await client.call('PATCH', `${USERS}/paul`, admin, { role: 'owner' });
    expect(grant.body).toMatchObject({ status: 422, code: 'owner-needed', field: 'role' });
    expect((await client.call('PATCH', second, owner, { role: 'admin' })).status).toBe(200);
  });

  it('always leave an owner', async () => {
    const boss = `${USERS}/boss`;
    for (const [method, path, json] of [
      ['PATCH', boss, { role: 'admin' }],
      ['POST', `${boss}/deactivate`],
    ] as const) {
      const { body } = await client.call(method, path, owner, json);
      expect(body).toMatchObject({ status: 409, code: 'last-owner' });
    }
  });

  it('lose sessions, keys and bucket keys at once when they are deactivated', async () => {
    await client.addUser('leaver', 'member', { acme: 'editor' });
    const session = await client.login('leaver');
    const made = await client.call('POST', '/api/v1/api-keys', session.access_token, {
      label: 'ci',
    });
    const key = String(made.body['api_key']);
    const issue = (token: string) => client.call('POST', '/tenant/mount/credentials', token);
    const buckets = [await issue(session.access_token), await issue(key)];
    expect(buckets.map(({ status }) => status)).toEqual([201, 201]);
    const { body } = await client.call('POST', `${USERS}/leaver/deactivate`, admin);
    expect(body).toMatchObject({ status: 'deactivated', memberships: [{ role: 'editor' }] });
    for (const token of [session.access_token, key]) {
      const answer = await client.call('GET', '/api/v1/auth/me', token);
      expect(answer.body).toMatchObject({ status: 401, code: 'token-revoked' });
    }
    expect((await client.refresh(session.refresh_token!)).status).toBe(400);
    const login = { username: 'leaver', password: PASSWORD };
    expect((await client.call('POST', '/api/v1/auth/login', undefined, login)).status).toBe(401);
    const left = await db
      .selectFrom('tenant_mount_credentials')
      .select(['revoked_at', 'tigris_deletion_status'])
      .where(
        'id',
        'in',
        buckets.map(({ body: { id } }) => String(id)),
      )
      .execute();
    expect(left.map(({ tigris_deletion_status: deletion }) => deletion)).toEqual([
      'completed',
      'completed',
    ]);
    expect(left.every(({ revoked_at: revoked }) => revoked !== null)).toBe(true);
    await client.call('POST', `${USERS}/leaver/activate`, admin);
    expect((await client.call('GET', '/api/v1/auth/me', key)).status).toBe(401);
    expect((await client.login('leaver')).scope).toBe('mount:read mount');
  });

  it('get a new password that ends what the old one began', async () => {
    await client.addUser('forgetful', 'member', { acme: 'viewer' });
    const before = await client.login('forgetful');
    const { body } = await client.call('POST', `${USERS}/forgetful/reset-password`, admin);
    expect(body['password']).toMatch(/^[a-z-]{24}$/);
    expect((await client.call('GET', '/api/v1/auth/me', before.access_token)).status).toBe(401);
    const login = { username: 'forgetful', password: body['password'] };
    expect((await client.call('POST', '/api/v1/auth/login', undefined, login)).status).toBe(200);
  });

  it('are not found by a name that a database cannot even hold', async () => {
    // PostgreSQL refuses a NUL in a text, SQLite looks for it.
    expect([400, 404]).toContain((await client.call('GET', `${USERS}/%00`, admin)).status);
  });

  it.each([
    ['a tenant’s key', () => server.apiKeyOf('acme')],
    ['nobody', () => undefined],
  ])('are none of the business of %s', async (_what, token) => {
    expect([401, 403]).toContain((await client.call('GET', USERS, token())).status);
  });
});

describe('lists', () => {
  it('come in pages, with what each user is a member of', async () => {
    const names = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'];
    for (const name of names) await client.addUser(name, 'member', { other: 'viewer' });
    const list = async (query: string): Promise<UserList> =>
      UserList.parse((await client.call('GET', `${USERS}?${query}`, admin)).body);
    const pages = [await list('tenant=other&limit=2')];
    for (let next = pages[0]!.next; next !== null; next = pages.at(-1)!.next) {
      pages.push(await list(`tenant=other&limit=2&after=${next}`));
    }
    expect(pages.map(({ users }) => users.map(({ username }) => username))).toEqual([
      ['page-a', 'page-b'],
      ['page-c', 'page-d'],
      ['page-e'],
    ]);
    const [, second] = pages.flatMap(({ users }) => users);
    expect(second?.memberships).toMatchObject([{ tenant: { slug: 'other' }, role: 'viewer' }]);
    expect((await list('role=owner')).users.map(({ username }) => username)).toEqual(['boss']);
    await client.call('POST', `${USERS}/page-a/deactivate`, admin);
    const ended = await list('status=deactivated&tenant=other');
    expect(ended.users.map(({ username }) => username)).toEqual(['page-a']);
    const members = await client.call(
      'GET',
      '/api/v1/admin/tenants/other/members?limit=1&after=page-c',
      admin,
    );
    expect(MemberList.parse(members.body)).toMatchObject({
      members: [{ user: { username: 'page-d' } }],
      next: 'page-d',
    });
  });

  it.each(['limit=0', 'limit=501', 'limit=x', 'limit=1&limit=2', 'role=god', 'after=', 'x=1'])(
    'refuse ?%s',
    async (query) => {
      const { body } = await client.call('GET', `${USERS}?${query}`, admin);
      expect(body).toMatchObject({ status: 422, code: 'invalid-field' });
    },
  );
});

describe('at the same moment', () => {
  it('twenty who add a member: one does, the others are told', async () => {
    await client.addUser('wanted');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        client.call('POST', MEMBERS, admin, {
          user: 'wanted',
          role: index % 2 === 0 ? 'editor' : 'viewer',
        }),
      ),
    );
    const counts = Map.groupBy(answers, ({ status }) => status);
    expect([...counts].map(([status, list]) => [status, list.length]).toSorted()).toEqual([
      [201, 1],
      [409, 19],
    ]);
    const role = counts.get(201)?.[0]?.body['role'];
    const list = MemberList.parse((await client.call('GET', MEMBERS, admin)).body);
    expect(list.members.find(({ user }) => user.username === 'wanted')?.role).toBe(role);
  });

  it('twenty who add a user: one does', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        client.call('POST', USERS, admin, { username: 'twin', password: PASSWORD }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
  });

  it('a member who is changed and removed is changed before or not found, and gone', async () => {
    for (let round = 0; round < 5; round += 1) {
      await client.call('POST', MEMBERS, admin, { user: 'twin', role: 'viewer' });
      const [change, removal] = await Promise.all([
        client.call('PATCH', `${MEMBERS}/twin`, admin, { role: 'editor' }),
        client.call('DELETE', `${MEMBERS}/twin`, admin),
      ]);
      expect([200, 404]).toContain(change.status);
      expect(removal.status).toBe(204);
      const { body } = await client.call('GET', `${USERS}/twin`, admin);
      expect(body['memberships']).toEqual([]);
    }
  });

  it('the last two owners who end each other: one stays', async () => {
    await client.addUser('rival', 'owner');
    const { access_token: rival } = await client.login('rival', { tenant: null });
    const answers = await Promise.all([
      client.call('PATCH', `${USERS}/rival`, owner, { role: 'admin' }),
      client.call('PATCH', `${USERS}/boss`, rival, { role: 'member' }),
    ]);
    // The other one is told so, or was no owner any more when asked.
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses[0]).toBe(200);
    expect([403, 409]).toContain(statuses[1]);
    const { body } = await client.call('GET', `${USERS}?role=owner&status=active`, admin);
    const owners = UserList.parse(body).users.map(({ username }) => username);
    expect(owners).toHaveLength(1);
    // As it was, for the tests to come.
    const boss = `${USERS}/boss`;
    await client.call('POST', `${boss}/activate`, server.adminToken);
    await client.call('PATCH', boss, server.adminToken, { role: 'owner' });
    await client.call('PATCH', `${USERS}/rival`, server.adminToken, { role: 'admin' });
    owner = (await client.login('boss', { tenant: null })).access_token;
  });
});

describe('members', () => {
  it('are administered by administrators and the tenant’s own', async () => {
    await client.addUser('chief', 'member', { acme: 'tenant_admin' });
    await client.addUser('worker');
    const { access_token: chief } = await client.login('chief');
    const add = await client.call('POST', MEMBERS, chief, { user: 'Worker', role: 'editor' });
    expect(add).toMatchObject({
      status: 201,
      body: { role: 'editor', user: { username: 'worker' } },
    });
    const { access_token: worker } = await client.login('worker');
    expect((await client.call('GET', MEMBERS, worker)).body).toMatchObject({
      status: 403,
      code: 'scope-missing',
    });
    const foreign = '/api/v1/admin/tenants/other/members';
    expect((await client.call('GET', foreign, chief)).status).toBe(404);
    expect((await client.call('GET', '/api/v1/admin/tenants/none/members', chief)).status).toBe(
      404,
    );
    const list = MemberList.parse((await client.call('GET', MEMBERS, chief)).body);
    expect(list.members.map(({ user }) => user.username)).toContain('worker');
  });

  it.each<[string, object, number, string]>([
    ['a member again', { user: 'worker', role: 'viewer' }, 409, 'already-member'],
    ['nobody', { user: 'none', role: 'viewer' }, 404, 'user-not-found'],
    ['an admin', { user: 'admin', role: 'viewer' }, 422, 'invalid-field'],
    ['an unknown role', { user: 'paul', role: 'owner' }, 422, 'invalid-field'],
  ])('are not added: %s', async (_what, json, status, code) => {
    expect((await client.call('POST', MEMBERS, admin, json)).body).toMatchObject({ status, code });
  });

  it('lose what their role no longer gives, with the next request', async () => {
    const { access_token: worker } = await client.login('worker');
    const issue = (json?: object) => client.call('POST', '/tenant/mount/credentials', worker, json);
    const writes = await issue();
    const reads = await issue({ permission: 'ro' });
    const path = `${MEMBERS}/worker`;
    const change = await client.call('PATCH', path, admin, { role: 'viewer' });
    expect(change.body).toMatchObject({ role: 'viewer' });
    expect((await issue()).body).toMatchObject({ status: 403, code: 'scope-missing' });
    const list = await client.call('GET', '/tenant/mount/credentials', worker);
    const ids = (list.body['credentials'] as { id: string }[]).map(({ id }) => id);
    expect(ids).toContain(reads.body['id']);
    expect(ids).not.toContain(writes.body['id']);
    expect((await client.call('DELETE', path, admin)).status).toBe(204);
    expect((await client.call('DELETE', path, admin)).status).toBe(204);
    const gone = await client.call('PATCH', path, admin, { role: 'editor' });
    expect(gone.body).toMatchObject({ status: 404, code: 'member-not-found' });
    const info = await client.call('GET', '/tenant/mount/info', worker);
    expect(info.body).toMatchObject({ status: 403, code: 'scope-missing' });
  });
});

it('records every change with who made it', async () => {
  const rows = await db.selectFrom('audit_events').select(['type', 'actor', 'data']).execute();
  const types = new Set(rows.map(({ type }) => type));
  for (const type of [
    'UserCreatedEvent',
    'UserChangedEvent',
    'UserDeactivatedEvent',
    'UserActivatedEvent',
    'PasswordResetEvent',
    'MembershipAddedEvent',
    'MembershipChangedEvent',
    'MembershipRemovedEvent',
    'BootstrapSeededEvent',
  ]) {
    expect(types).toContain(type);
  }
  expect(JSON.stringify(rows)).not.toMatch(/argon2|correct horse/);
});
