import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { MountCredentialList, MountCredentialWithSecret } from '../../../src/api/contract/mount.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { identityClient, type Answer, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { storageInside } from '../../support/storage-inside.ts';
import { withTrouble, type Trouble } from '../../support/storage-trouble.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

const CREDENTIALS = '/tenant/mount/credentials';
let server: TestServer;
let db: Database;
let client: IdentityClient;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
  db = await openDatabaseOf(server);
  client = identityClient(server);
  await client.addUser('ada', 'member', { acme: 'editor' });
  await client.addUser('viewer', 'member', { acme: 'viewer' });
});
afterAll(async () => {
  await db.destroy();
  await server.close();
});

const rotate = (token: string, id: string): Promise<Answer> =>
  client.call('POST', `${CREDENTIALS}/${id}/rotate`, token);
const issue = async (token: string, json?: object) =>
  MountCredentialWithSecret.parse((await client.call('POST', CREDENTIALS, token, json)).body);
const list = async (token: string) =>
  MountCredentialList.parse((await client.call('GET', CREDENTIALS, token)).body).credentials;

describe('rotating a bucket key', () => {
  it('makes one of the same kind beside it, until the old one is revoked', async () => {
    const { access_token: ada } = await client.login('ada');
    const wish = { description: 'laptop', prefix: 'notes/', expires_in: 7200 };
    const old = await issue(ada, wish);
    const fresh = MountCredentialWithSecret.parse((await rotate(ada, old.id)).body);
    expect(fresh).toMatchObject({ replaces: old.id, permission: 'rw' });
    const rows = await list(ada);
    expect(rows.find(({ id }) => id === fresh.id)).toMatchObject({
      description: 'laptop',
      prefix: 'notes/',
      replaces: old.id,
      mine: true,
    });
    const life = Date.parse(fresh.expires_at!) - Date.parse(fresh.created_at);
    expect(life).toBeGreaterThan(7_190_000);
    expect(life).toBeLessThanOrEqual(7_200_000);
    await client.call('POST', `${CREDENTIALS}/${fresh.id}/confirm`, ada);
    expect((await rotate(ada, old.id)).body).toMatchObject({ code: 'already-rotated' });
    expect((await client.call('DELETE', `${CREDENTIALS}/${old.id}`, ada)).status).toBe(204);
    expect((await list(ada)).find(({ id }) => id === fresh.id)).toMatchObject({ replaces: null });
    expect((await rotate(ada, fresh.id)).status).toBe(201);
  });

  it('asked again after a lost answer leaves only the old one and the last', async () => {
    const { access_token: ada } = await client.login('ada');
    const old = await issue(ada);
    const answers = [
      await rotate(ada, old.id),
      await rotate(ada, old.id),
      await rotate(ada, old.id),
    ];
    const ids = answers.map(({ body }) => String(body['id']));
    const left = (await list(ada)).map(({ id }) => id);
    expect(left).toEqual(expect.arrayContaining([old.id, ids[2]]));
    expect(left).not.toContain(ids[0]);
    expect(left).not.toContain(ids[1]);
  });

  it('is not for others, nor for whoever may only read', async () => {
    const { access_token: ada } = await client.login('ada');
    const { access_token: viewer } = await client.login('viewer');
    const old = await issue(ada);
    expect((await rotate(viewer, old.id)).body).toMatchObject({ status: 403, code: 'not-yours' });
    expect((await rotate(ada, 'none')).status).toBe(404);
    const reads = await issue(viewer, { permission: 'ro' });
    expect((await rotate(viewer, reads.id)).body).toMatchObject({ permission: 'ro' });
  });

  it('meets no limit, where a new one does', async () => {
    const { access_token: ada } = await client.login('ada');
    const old = await issue(ada);
    const row = await db
      .selectFrom('tenant_mount_credentials')
      .selectAll()
      .where('id', '=', old.id)
      .executeTakeFirstOrThrow();
    const many = Array.from({ length: 500 }, (_, index) => ({
      ...row,
      id: `many-${index}`,
      access_key: `many-${index}`,
    }));
    await db.insertInto('tenant_mount_credentials').values(many).execute();
    const answer = await client.call('POST', CREDENTIALS, ada);
    expect(answer.body).toMatchObject({ status: 409, code: 'credential-limit' });
    expect((await rotate(ada, old.id)).status).toBe(201);
    await db.deleteFrom('tenant_mount_credentials').where('id', 'like', 'many-%').execute();
  });
});

it('keeps what a key without an owner has made when that key is rotated', async () => {
  const old = server.apiKeyOf('acme');
  const { id } = await issue(old);
  const made = await client.call('POST', `/api/v1/api-keys/${old.split('_')[2]}/rotate`, old);
  const rows = await list(String(made.body['api_key']));
  expect(rows.find((row) => row.id === id)).toMatchObject({ mine: true });
});

it('takes back a key whose user is deactivated while the storage makes it', async () => {
  let meanwhile: () => Promise<unknown> = () => Promise.resolve();
  await using other = await startTestServer({
    tenants: ['acme'],
    wrapStorage: (storage) =>
      new Proxy(storage, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          if (name !== 'attachPolicy') return value.bind(target) as unknown;
          return async (...given: unknown[]): Promise<unknown> => {
            const made = (await Reflect.apply(value, target, given)) as unknown;
            await meanwhile();
            return made;
          };
        },
      }),
  });
  const there = identityClient(other);
  await there.addUser('leaver', 'member', { acme: 'editor' });
  const { access_token: token } = await there.login('leaver');
  meanwhile = () => there.call('POST', '/api/v1/admin/users/leaver/deactivate', other.adminToken);
  const answer = await there.call('POST', CREDENTIALS, token);
  expect(answer.body).toMatchObject({ status: 401, code: 'token-revoked' });
  const left = await there.call('GET', CREDENTIALS, other.apiKeyOf('acme'));
  expect(left.body['credentials']).toEqual([]);
  const report = await other.server.recover();
  expect(report).toMatchObject({ cleaned: 0, deleted: 0, postponed: 0 });
});

describe('while a rotation waits for the storage', () => {
  /** A server with one key, which is being rotated: up to the last call before it counts. */
  async function underWay() {
    const held = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    let trouble: Trouble = () => undefined;
    const another = await startTestServer({
      tenants: ['acme'],
      wrapStorage: (storage) => withTrouble(storage, (...at) => trouble(...at)),
    });
    onTestFinished(() => another.close());
    const acme = createApiClient({
      server: another.url,
      token: () => Promise.resolve(another.apiKeyOf('acme')),
    });
    const old = await acme.createMountCredential({});
    trouble = async (method, when) => {
      if (method !== 'attachPolicy' || when === 'before') return;
      trouble = () => undefined;
      held.resolve(undefined);
      await goOn.promise;
    };
    const outcome = acme.rotateMountCredential(old.id).catch((error: unknown) => error);
    await held.promise;
    const left = async () => {
      const { credentials } = await acme.listMountCredentials();
      const keys = (await (await storageInside(another)).listAccessKeys()).map(({ id }) => id);
      const listed = credentials.map((each) => each.access_key);
      expect(keys.toSorted()).toEqual(listed.toSorted());
      return credentials.map(({ id }) => id);
    };
    const end = (): Promise<unknown> => {
      goOn.resolve(undefined);
      return outcome;
    };
    return { acme, old, left, end };
  }

  it('asking again is answered, and the slower of the two leaves nothing', async () => {
    const { acme, old, left, end } = await underWay();
    const second = await acme.rotateMountCredential(old.id);
    expect(await end()).toMatchObject({ code: 'rotation-overtaken', details: { status: 409 } });
    expect(await left()).toEqual([second.id, old.id]);
  });

  it('a key that is revoked gets no successor', async () => {
    const { acme, old, left, end } = await underWay();
    await acme.revokeMountCredential(old.id);
    expect(await end()).toMatchObject({ code: 'credential-not-found' });
    expect(await left()).toEqual([]);
  });
});
