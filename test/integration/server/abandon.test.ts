import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { StorageError } from '../../../src/server/storage/provider.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../../support/server.ts';
import { storageInside } from '../../support/storage-inside.ts';
import { withTrouble, type Trouble } from '../../support/storage-trouble.ts';

let trouble: Trouble;
beforeEach(() => {
  trouble = () => undefined;
});

const clientOf = (server: TestServer, token: string) =>
  createApiClient({ server: server.url, token: () => Promise.resolve(token) });

async function start(options: Pick<TestServerOptions, 'clock'> = {}) {
  const server = await startTestServer({
    tenants: ['acme'],
    ...options,
    wrapStorage: (storage) => withTrouble(storage, (...at) => trouble(...at)),
  });
  onTestFinished(() => server.close());
  const tenant = clientOf(server, server.apiKeyOf('acme'));
  return { server, tenant, admin: clientOf(server, server.adminToken) };
}

const refusing =
  (...methods: string[]): Trouble =>
  (method, when) => {
    if (when === 'before' && methods.includes(method)) {
      throw new StorageError(method, 'AccessDenied', 403);
    }
  };

/** What the audit trail says of the deletions that were given up. */
async function abandonedOf(server: TestServer): Promise<unknown[]> {
  const path = '/api/v1/admin/audit-events?type=DeletionAbandonedEvent';
  const { body } = await identityClient(server).call('GET', path, server.adminToken);
  const { events } = body as unknown as { events: { data: object; actor: string }[] };
  expect(events.every(({ actor }) => actor.startsWith('credential:'))).toBe(true);
  return events.map(({ data }) => data);
}

describe('a purge that the storage refuses for ever', () => {
  it('is ended by who gives it up, and what is left is known by name', async () => {
    const { server, admin, tenant } = await start();
    const key = await tenant.createMountCredential({});
    trouble = refusing('deleteAccessKey', 'destroyBucket');
    expect(await admin.purgeTenant('acme', 'acme')).toMatchObject({ status: 'purging' });
    const plan = await admin.planAbandon('acme');
    expect(plan).toMatchObject({
      slug: 'acme',
      status: 'purging',
      left: [
        { kind: 'access-key', name: key.access_key },
        { kind: 'policy' },
        { kind: 'bucket', name: key.bucket_name, detail: null },
      ],
    });
    expect(plan.left[0]?.detail).toMatch(/^attempt 1: .*AccessDenied/);
    await expect(admin.abandonDeletion('acme', 'wrong')).rejects.toMatchObject({
      details: { status: 422, field: 'confirm' },
    });
    expect(await abandonedOf(server)).toEqual([]);

    const ended = await admin.abandonDeletion('acme', 'acme');
    expect(ended).toMatchObject({ slug: 'acme', status: 'purged' });
    expect(ended.left.map(({ name }) => name)).toEqual(plan.left.map(({ name }) => name));
    expect(await abandonedOf(server)).toEqual(
      ended.left.map(({ kind, name }) => ({ slug: 'acme', kind, name })),
    );
    await expect(admin.showTenant('acme')).rejects.toMatchObject({ code: 'tenant-not-found' });
    // The name is free, and no job tries again.
    await admin.createTenant({ slug: 'acme', name: 'Another' });
    await server.server.recover();
    expect(await (await storageInside(server)).listBuckets('')).toHaveLength(2);

    // What is left is seen, and goes once the storage lets it.
    const kinds = async () => (await admin.findDrift()).findings.map(({ kind }) => kind);
    expect(await kinds()).toEqual(['bucket-without-tenant', 'leaked-key', 'leaked-policy']);
    trouble = () => undefined;
    await admin.fixDrift();
    expect(await kinds()).toEqual([]);
  });

  it('is tried once more before it is given up', async () => {
    const { server, admin } = await start();
    trouble = refusing('destroyBucket');
    await admin.purgeTenant('acme', 'acme');
    trouble = () => undefined;
    expect(await admin.abandonDeletion('acme', 'acme')).toMatchObject({
      ...{ status: 'purged', left: [] },
    });
    expect(await abandonedOf(server)).toEqual([]);
  });

  it('is not given up while a key is being issued, which is then taken back', async () => {
    const { server, admin, tenant } = await start();
    const held = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    trouble = async (method, when) => {
      if (method !== 'attachPolicy' || when === 'before') return;
      held.resolve(undefined);
      await goOn.promise;
    };
    const issuing = tenant.createMountCredential({}).catch((error: unknown) => error);
    await held.promise;
    expect(await admin.purgeTenant('acme', 'acme')).toMatchObject({
      ...{ status: 'purging', problem: 'A key is just being issued.' },
    });
    await expect(admin.abandonDeletion('acme', 'acme')).rejects.toMatchObject({
      ...{ code: 'purge-running', details: { status: 409 } },
    });
    goOn.resolve(undefined);
    expect(await issuing).toMatchObject({ details: { status: 403 } });
    expect(await (await storageInside(server)).listAccessKeys()).toEqual([]);
    expect(await admin.purgeTenant('acme', 'acme')).toMatchObject({ status: 'purged' });
  });

  it('is nothing for who may not purge', async () => {
    const { server, admin } = await start();
    const { token } = await admin.createAdminToken({
      ...{ label: 'no purge', tenant: null, scopes: ['tenants'] },
    });
    await expect(clientOf(server, token).abandonDeletion('acme', 'acme')).rejects.toMatchObject({
      code: 'scope-missing',
    });
  });
});

describe('the deletion of a key that the storage refuses for ever', () => {
  it('is not tried again, and the tenant stays as it is', async () => {
    const { server, admin, tenant } = await start();
    const key = await tenant.createMountCredential({});
    const kept = await tenant.createMountCredential({});
    trouble = refusing('deleteAccessKey');
    await expect(tenant.revokeMountCredential(key.id)).rejects.toMatchObject({
      code: 'revocation-pending',
    });
    // Still within the tries that usually help.
    await expect(admin.abandonDeletion('acme', 'acme')).rejects.toMatchObject({
      ...{ code: 'nothing-to-abandon', details: { status: 409 } },
    });
    for (let tries = 2; tries <= 6; tries += 1) await server.server.recover();
    expect(await admin.abandonDeletion('acme', 'acme')).toMatchObject({
      status: 'active',
      left: [{ kind: 'access-key', name: key.access_key }, { kind: 'policy' }],
    });
    expect((await tenant.listMountCredentials()).credentials).toMatchObject([{ id: kept.id }]);
    const run = await admin.runJob('deletion-retry', {});
    expect(run.report).toEqual({ deleted: 0, postponed: 0 });
    await expect(admin.abandonDeletion('acme', 'acme')).rejects.toMatchObject({
      code: 'nothing-to-abandon',
    });
    expect((await admin.findDrift('acme')).findings).toMatchObject([
      { kind: 'leaked-key', name: key.access_key },
      { kind: 'leaked-policy' },
    ]);
    // Nor does it keep a purge from ending.
    expect(await admin.planPurge('acme')).not.toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ name: key.access_key })]) as unknown,
    });
    trouble = () => undefined;
    expect(await admin.purgeTenant('acme', 'acme')).toMatchObject({ status: 'purged' });
  });
});

describe('a key that was to be confirmed', () => {
  it('ends when nobody did in time; others stay', async () => {
    const clock = adjustableClock();
    const { admin, tenant } = await start({ clock });
    const lost = await tenant.createMountCredential({ confirm_within: 60 });
    const taken = await tenant.createMountCredential({ confirm_within: 60 });
    const plain = await tenant.createMountCredential({});
    await tenant.confirmMountCredential(taken.id);
    const ids = async () =>
      (await tenant.listMountCredentials()).credentials.map(({ id }) => id).toSorted();
    clock.advance(59_000);
    await admin.runJob('expiry', {});
    expect(await ids()).toEqual([lost.id, taken.id, plain.id].toSorted());
    clock.advance(1000);
    expect((await admin.runJob('expiry', { dry_run: true })).report).toEqual({ revoked: 1 });
    expect((await admin.runJob('expiry', {})).report).toEqual({ revoked: 1 });
    expect(await ids()).toEqual([taken.id, plain.id].toSorted());
    const trail = await admin.listAuditEvents({ type: 'MountCredentialRevokedEvent' });
    expect(trail.events).toMatchObject([
      { subject_id: lost.id, data: { reason: 'not confirmed in time' } },
    ]);
  });

  it('ends as a successor too, and the one before it can be rotated again', async () => {
    const clock = adjustableClock();
    const { admin, tenant } = await start({ clock });
    const old = await tenant.createMountCredential({});
    await expect(
      tenant.rotateMountCredential(old.id, { confirm_within: 59 }),
    ).rejects.toMatchObject({ details: { status: 422 } });
    const lost = await tenant.rotateMountCredential(old.id, { confirm_within: 60 });
    const ids = async () => (await tenant.listMountCredentials()).credentials.map(({ id }) => id);
    expect(await ids()).toEqual([lost.id, old.id]);
    clock.advance(60_000);
    expect((await admin.runJob('expiry', {})).report).toEqual({ revoked: 1 });
    expect(await ids()).toEqual([old.id]);
    const taken = await tenant.rotateMountCredential(old.id, { confirm_within: 60 });
    await tenant.confirmMountCredential(taken.id);
    clock.advance(60_000);
    expect((await admin.runJob('expiry', {})).report).toEqual({ revoked: 0 });
    expect(await ids()).toEqual([taken.id, old.id]);
  });
});
