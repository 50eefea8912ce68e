import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import type { MountCredentialWithSecret } from '../../../src/api/contract/mount.ts';
import type { Clock } from '../../../src/platform/clock.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { readEvents } from '../../support/event-reader.ts';
import { identityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { storageInside } from '../../support/storage-inside.ts';
import { cut, withTrouble, type Trouble } from '../../support/storage-trouble.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

let trouble: Trouble;
beforeEach(() => {
  trouble = () => undefined;
});

async function start({ clock }: { clock?: Clock } = {}) {
  const server = await startTestServer({
    tenants: ['acme'],
    ...(clock === undefined ? {} : { clock }),
    wrapStorage: (storage) => withTrouble(storage, (...at) => trouble(...at)),
  });
  onTestFinished(() => server.close());
  const clientOf = (token: string) =>
    createApiClient({ server: server.url, token: () => Promise.resolve(token) });
  const admin = clientOf(server.adminToken);
  const acme = clientOf(server.apiKeyOf('acme'));
  const set = (policy: 'allowed' | 'denied', reason?: string) =>
    admin.setTenantPolicy('acme', { policy, ...(reason === undefined ? {} : { reason }) });
  return { server, admin, acme, set };
}

async function opens(server: TestServer, key: MountCredentialWithSecret): Promise<boolean> {
  const storage = await storageInside(server);
  const pair = { accessKeyId: key.access_key, secretAccessKey: key.secret_key };
  return storage.canList(pair, key.bucket_name, '');
}

describe('denying a tenant', () => {
  it('refuses every one of its routes with the reason, and stops its keys; allowing is the way back', async () => {
    const { server, acme, set } = await start();
    const key = await acme.createMountCredential({});
    expect(await opens(server, key)).toBe(true);
    const denied = await set('denied', 'invoice 42 is open');
    expect(denied).toMatchObject({
      ...{ policy: 'denied', policy_reason: 'invoice 42 is open' },
      keys: { active: 0, inactive: 1, pending: 0 },
    });
    expect(await opens(server, key)).toBe(false);
    const client = identityClient(server);
    const credentials = '/tenant/mount/credentials';
    for (const [method, path] of [
      ['GET', '/tenant/mount/info'],
      ['GET', credentials],
      ['POST', credentials],
      ['POST', `${credentials}/${key.id}/confirm`],
      ['POST', `${credentials}/${key.id}/rotate`],
      ['DELETE', `${credentials}/${key.id}`],
      ['GET', '/tenant/events'],
      ['POST', '/tenant/sync'],
    ] as const) {
      const { status, body } = await client.call(method, path, server.apiKeyOf('acme'));
      expect({ path, status, code: body['code'] }).toEqual({
        path,
        status: 403,
        code: 'tenant-denied',
      });
      expect(body['detail']).toContain('invoice 42 is open');
    }
    const allowed = await set('allowed');
    expect(allowed).toMatchObject({
      ...{ policy: 'allowed', policy_reason: null },
      keys: { active: 1, inactive: 0, pending: 0 },
    });
    expect(await opens(server, key)).toBe(true);
    expect((await acme.listMountCredentials()).credentials).toHaveLength(1);
  });

  it('is told on the event stream, which then ends', async () => {
    const { server, set } = await start();
    const stream = await readEvents(server.url, server.apiKeyOf('acme'));
    await set('denied');
    const types: unknown[] = [];
    for (;;) {
      const message = await stream.next();
      if (message === undefined) break;
      types.push(message.type === 'policy-changed' ? message.policy : message.type);
    }
    expect(types).toEqual(['hello', 'denied']);
  });

  it('holds for a tenant without a policy', async () => {
    const { server, acme } = await start();
    const db = await openDatabaseOf(server);
    onTestFinished(() => db.destroy());
    await db.deleteFrom('tenant_policies').execute();
    await expect(acme.mountInfo()).rejects.toMatchObject({ code: 'tenant-denied' });
  });

  it.each(['before', 'after'] as const)(
    'halfway, because the storage is lost %s a key was set: says so, and is finished later',
    async (end) => {
      const { server, admin, acme, set } = await start();
      const keys = [await acme.createMountCredential({}), await acme.createMountCredential({})];
      let calls = 0;
      trouble = (method, when) => {
        if (method !== 'setAccessKeyActive' || when !== end) return;
        calls += 1;
        if (calls === 2) throw cut(method);
      };
      expect((await set('denied')).keys).toEqual({ active: 0, inactive: 1, pending: 1 });
      trouble = () => undefined;
      await server.server.upkeep();
      expect((await admin.showTenant('acme')).keys).toEqual({ active: 0, inactive: 2, pending: 0 });
      for (const key of keys) expect(await opens(server, key)).toBe(false);
    },
  );

  it('with more keys than the storage sets in time: says how many are left, and is finished later', async () => {
    const clock = adjustableClock();
    const { server, admin, acme, set } = await start({ clock });
    for (let key = 1; key <= 4; key += 1) await acme.createMountCredential({});
    trouble = (method, when) => {
      if (method === 'setAccessKeyActive' && when === 'after') clock.advance(5000);
    };
    expect((await set('denied')).keys).toEqual({ active: 0, inactive: 2, pending: 2 });
    trouble = () => undefined;
    await server.server.upkeep();
    expect((await admin.showTenant('acme')).keys).toEqual({ active: 0, inactive: 4, pending: 0 });
  });

  it('and allowing at the same time end as the last one says, here and at the storage', async () => {
    const { server, admin, acme, set } = await start();
    const keys = [await acme.createMountCredential({}), await acme.createMountCredential({})];
    await Promise.all(
      Array.from({ length: 8 }, (_, each) => set(each % 2 === 0 ? 'denied' : 'allowed')),
    );
    const { policy, keys: counts } = await admin.showTenant('acme');
    expect(counts.pending).toBe(0);
    for (const key of keys) expect(await opens(server, key)).toBe(policy === 'allowed');
  });

  it('while a key is being issued takes that key back', async () => {
    const { server, acme, set } = await start();
    trouble = async (method, when) => {
      if (method !== 'attachPolicy' || when !== 'after') return;
      trouble = () => undefined;
      await set('denied');
    };
    await expect(acme.createMountCredential({})).rejects.toMatchObject({ code: 'tenant-denied' });
    expect(await (await storageInside(server)).listAccessKeys()).toEqual([]);
  });
});
