import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { bucketPolicy } from '../../../src/server/domain/bucket-policy.ts';
import { keyLabel, policyName } from '../../../src/server/domain/leftovers.ts';
import { SETTLED_AFTER_MS } from '../../../src/server/domain/recovery.ts';
import { toBucketAccess } from '../../../src/session/open.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { objectsOf } from '../../support/devices.ts';
import { identityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../../support/server.ts';
import { storageInside } from '../../support/storage-inside.ts';
import { cut, withTrouble, type Trouble } from '../../support/storage-trouble.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

let trouble: Trouble;
beforeEach(() => {
  trouble = () => undefined;
});

async function start(tenants: string[] = ['acme'], options: Pick<TestServerOptions, 'clock'> = {}) {
  const server = await startTestServer({
    tenants,
    ...options,
    wrapStorage: (storage) => withTrouble(storage, (...at) => trouble(...at)),
  });
  onTestFinished(() => server.close());
  return { server, ...clientsOf(server) };
}
const clientsOf = (server: TestServer) => ({
  admin: clientOf(server, server.adminToken),
  client: identityClient(server),
});
const clientOf = (server: TestServer, token: string) =>
  createApiClient({ server: server.url, token: () => Promise.resolve(token) });

/** Everything that is left of the tenants of a server, in its database and at its storage. */
async function left(server: TestServer): Promise<Record<string, number>> {
  const db = await openDatabaseOf(server);
  const storage = await storageInside(server);
  try {
    const count = async (table: 'tenant_mount_credentials' | 'tenant_policies' | 'memberships') =>
      (await db.selectFrom(table).selectAll().execute()).length;
    const tokens = await db
      .selectFrom('credentials')
      .selectAll()
      .where('kind', '=', 'api')
      .execute();
    return {
      buckets: (await storage.listBuckets('')).length,
      keys: (await storage.listAccessKeys()).length,
      policies: (await storage.listPolicies()).length,
      credentials: await count('tenant_mount_credentials'),
      rules: await count('tenant_policies'),
      members: await count('memberships'),
      tokens: tokens.length,
    };
  } finally {
    await db.destroy();
  }
}

async function intentsOf(server: TestServer): Promise<string[]> {
  const db = await openDatabaseOf(server);
  try {
    const rows = await db.selectFrom('provisioning_intents').select('id').execute();
    return rows.map(({ id }) => id);
  } finally {
    await db.destroy();
  }
}
const NOTHING = {
  ...{ buckets: 0, keys: 0, policies: 0, credentials: 0, rules: 0, members: 0, tokens: 0 },
};

/** Two keys, a member and two objects. */
async function fill(server: TestServer): Promise<void> {
  const acme = clientOf(server, server.apiKeyOf('acme'));
  const key = await acme.createMountCredential({});
  await acme.createMountCredential({ permission: 'ro' });
  const context = { name: 'test', server: server.url, tenant: { id: key.tenant_id, slug: 'acme' } };
  const bucket = objectsOf(toBucketAccess(context as never, key));
  await bucket.put('a/b.md', 'text');
  await bucket.put('c & d <e>.md', 'more');
  await identityClient(server).addUser('ada', 'member', { acme: 'editor' });
}

describe('a tenant', () => {
  it('is renamed, and the old slug leads to it wherever a tenant is named', async () => {
    const { server, admin, client } = await start(['acme', 'other']);
    await client.addUser('ada', 'member', { acme: 'editor' });
    const renamed = await admin.changeTenant('acme', { slug: 'acme-inc', name: 'Acme Inc.' });
    expect(renamed).toMatchObject({
      ...{ slug: 'acme-inc', name: 'Acme Inc.', former_slugs: ['acme'] },
    });
    expect((await admin.showTenant('acme')).id).toBe(renamed.id);
    const members = await client.call(
      'GET',
      '/api/v1/admin/tenants/acme/members',
      server.adminToken,
    );
    expect(members.status).toBe(200);
    expect((await client.login('ada', { tenant: 'acme' })).scope).toContain('mount');
    const taken = { code: 'slug-taken', details: { status: 409, field: 'slug' } };
    await expect(admin.createTenant({ slug: 'acme', name: 'x' })).rejects.toMatchObject(taken);
    await expect(admin.changeTenant('other', { slug: 'acme' })).rejects.toMatchObject(taken);
    await expect(admin.changeTenant('other', { slug: 'acme-inc' })).rejects.toMatchObject(taken);
    await expect(admin.createTenant({ slug: 'api', name: 'x' })).rejects.toMatchObject({
      code: 'slug-reserved',
    });
    // It may have its own name back.
    expect(await admin.changeTenant('acme-inc', { slug: 'acme' })).toMatchObject({
      ...{ slug: 'acme', former_slugs: ['acme-inc'] },
    });
  });

  it('keeps what is not named when it is changed', async () => {
    const { admin } = await start();
    await admin.changeTenant('acme', { sync_url: 'https://a.example/x', limits: { tokens: 7 } });
    const after = await admin.changeTenant('acme', { limits: { mount_credentials: 3 } });
    expect(after).toMatchObject({
      ...{ name: 'acme', sync_url: 'https://a.example/x' },
      limits: { tokens: 7, mount_credentials: 3, mount_credentials_per_user: 10 },
    });
    const reset = await admin.changeTenant('acme', { sync_url: null, limits: { tokens: null } });
    expect(reset).toMatchObject({ sync_url: null, limits: { tokens: 50, mount_credentials: 3 } });
  });

  it('is removed with its keys inactive and everything kept, and restored', async () => {
    const { server, admin, client } = await start();
    await fill(server);
    const before = await left(server);
    const removed = await admin.removeTenant('acme');
    expect(removed).toMatchObject({ status: 'removed', keys: { inactive: 2, pending: 0 } });
    expect(removed.removed_at).not.toBeNull();
    const info = await client.call('GET', '/tenant/mount/info', server.apiKeyOf('acme'));
    expect(info).toMatchObject({ status: 403, body: { code: 'tenant-inactive' } });
    expect(await left(server)).toEqual(before);
    await admin.setTenantPolicy('acme', { policy: 'denied' });
    expect(await admin.restoreTenant('acme')).toMatchObject({
      ...{ status: 'active', policy: 'denied', removed_at: null },
      keys: { active: 0, inactive: 2 },
    });
    expect((await admin.setTenantPolicy('acme', { policy: 'allowed' })).keys.active).toBe(2);
  });
});

describe('a purge', () => {
  it('lists exactly what would go, changes nothing, and then takes it away', async () => {
    const { server, admin, client } = await start();
    await fill(server);
    await admin.changeTenant('acme', { slug: 'acme-inc' });
    const before = await left(server);
    const { tenant, items } = await admin.planPurge('acme');
    const kinds = items.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'access-key')).toHaveLength(before['keys']!);
    expect(kinds.filter((kind) => kind === 'policy')).toHaveLength(before['policies']!);
    expect(kinds.filter((kind) => kind === 'token')).toHaveLength(before['tokens']!);
    expect(items).toContainEqual({ kind: 'bucket', name: tenant.bucket_name, detail: null });
    expect(items).toContainEqual({ kind: 'objects', name: '2', detail: '8 bytes' });
    expect(items).toContainEqual({ kind: 'member', name: 'ada', detail: 'editor' });
    expect(items).toContainEqual({ kind: 'former-slug', name: 'acme', detail: null });
    expect(await left(server)).toEqual(before);

    await expect(admin.purgeTenant('acme', 'acme')).rejects.toMatchObject({
      details: { status: 422, field: 'confirm' },
    });
    expect(await left(server)).toEqual(before);
    expect(await admin.purgeTenant('acme', 'acme-inc')).toMatchObject({ status: 'purged' });
    expect(await left(server)).toEqual(NOTHING);
    expect((await admin.listTenants()).tenants).toEqual([]);
    await expect(admin.showTenant('acme-inc')).rejects.toMatchObject({ code: 'tenant-not-found' });
    const key = await client.call('GET', '/tenant/mount/info', server.apiKeyOf('acme'));
    expect(key.status).toBe(401);
    // Its names are free again.
    await admin.createTenant({ slug: 'acme', name: 'Another' });
    await admin.createTenant({ slug: 'acme-inc', name: 'A third' });
  });

  it('is for owners', async () => {
    const { server, client } = await start();
    await client.addUser('boss', 'admin');
    const { access_token: token } = await client.login('boss', { tenant: null });
    const path = '/api/v1/admin/tenants/acme/purge';
    expect(await client.call('POST', path, token, { confirm: 'acme' })).toMatchObject({
      ...{ status: 403, body: { code: 'scope-missing' } },
    });
    expect(await client.call('POST', path, server.adminToken)).toMatchObject({ status: 422 });
  });

  it('that the storage holds up says why, and goes on by itself', async () => {
    const { server, admin } = await start();
    await fill(server);
    trouble = (method, when) => {
      if (method === 'destroyBucket' && when === 'before') throw cut(method);
    };
    const state = await admin.purgeTenant('acme', 'acme');
    expect(state.status).toBe('purging');
    expect(state.problem).toContain('destroyBucket');
    for (const change of [
      () => admin.setTenantPolicy('acme', { policy: 'allowed' }),
      () => admin.restoreTenant('acme'),
      () => admin.changeTenant('acme', { name: 'x' }),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'tenant-purging' });
    }
    trouble = () => undefined;
    await server.server.upkeep();
    expect(await left(server)).toEqual(NOTHING);
  });

  it('ends while a call that was given up on may still be carried out, and that is taken back', async () => {
    // Whoever sleeps takes the time for it, so that the request waits for the purge.
    const clock = { ...adjustableClock(), sleep: systemClock.sleep };
    const { server, admin } = await start(['acme'], { clock });
    trouble = (method, when) => {
      if (method === 'createPolicy' && when === 'before') throw cut(method);
    };
    const issuing = clientOf(server, server.apiKeyOf('acme')).createMountCredential({});
    await expect(issuing).rejects.toMatchObject({ code: 'credential-generation-failed' });
    trouble = () => undefined;
    const [open, ...others] = await intentsOf(server);
    expect(others).toEqual([]);
    expect(await admin.purgeTenant('acme', 'acme')).toMatchObject({ status: 'purged' });

    // Only now does the storage get to it.
    const storage = await storageInside(server);
    const grant = { permission: 'rw', prefix: null, expiresAt: null, sourceIps: null } as const;
    const late = async (id: string) => {
      await storage.createPolicy(policyName(id), bucketPolicy({ ...grant, bucket: 'gone' }));
      await storage.createAccessKey(keyLabel(id));
    };
    await late(open!);
    await server.server.recover();
    expect(await left(server)).toEqual(NOTHING);
    clock.advance(SETTLED_AFTER_MS);
    await late(open!);
    await server.server.recover();
    expect(await left(server)).toEqual(NOTHING);
    expect(await intentsOf(server)).toEqual([]);
  });
});
