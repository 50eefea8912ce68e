import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient, type ApiClient } from '../../../src/api/client.ts';
import type { AbortError } from '../../../src/output/errors.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { adjustableClock, type AdjustableClock } from '../../support/adjustable-clock.ts';
import { s3ClientFor } from '../../support/s3-client.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf, storedTextOf } from '../../support/test-databases.ts';
import { cut, withTrouble, type Trouble } from '../../support/storage-trouble.ts';
import { embeddedStorageKey } from '../../../src/server/domain/master-key.ts';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import type { StorageProvider } from '../../../src/server/storage/provider.ts';

let trouble: Trouble;
let clock: AdjustableClock;
beforeEach(() => {
  trouble = () => undefined;
  clock = adjustableClock();
});

async function start(wrap?: (storage: StorageProvider) => StorageProvider) {
  const server = await startTestServer({
    clock,
    wrapStorage: wrap ?? ((storage) => withTrouble(storage, (...at) => trouble(...at))),
  });
  onTestFinished(() => server.close());
  const db = await openDatabaseOf(server);
  onTestFinished(() => db.destroy());
  return { server, db, admin: adminOf(server) };
}

const adminOf = (server: TestServer): ApiClient =>
  createApiClient({
    server: server.url,
    token: () => Promise.resolve(server.adminToken),
  });

async function buckets(server: TestServer): Promise<string[]> {
  const text = await readFile(join(server.dataFolder, 'server.key'), 'utf8');
  const key = embeddedStorageKey(Buffer.from(text.trim(), 'base64url'));
  const s3 = s3ClientFor({
    endpoint_url: server.server.storageUrl,
    region: 'auto',
    access_key: key.accessKeyId,
    secret_key: key.secretAccessKey,
  });
  const { Buckets: found = [] } = await s3.send(new ListBucketsCommand({}));
  return found.map(({ Name }) => Name ?? '');
}

const counts = async (db: Database) => ({
  tenants: (await db.selectFrom('tenants').select('id').execute()).length,
  policies: (await db.selectFrom('tenant_policies').select('tenant_id').execute()).length,
  keys: (await db.selectFrom('credentials').select('id').where('kind', '=', 'api').execute())
    .length,
  intents: (await db.selectFrom('provisioning_intents').select('id').execute()).length,
});

const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as AbortError,
  );

describe('adding a tenant', () => {
  it('makes row, policy, bucket and, if asked for, one API key', async () => {
    const { server, db, admin } = await start();
    const plain = await admin.createTenant({ slug: 'plain', name: 'Plain' });
    expect(plain.api_key).toBeNull();
    const acme = await admin.createTenant({ slug: 'acme', name: 'Acme Inc.', issue_api_key: true });
    expect(acme).toMatchObject({ slug: 'acme', status: 'active', policy: 'allowed' });
    expect(await admin.showTenant('acme')).toMatchObject({ my_role: 'owner' });
    const listed = await admin.listTenants();
    expect(listed.tenants.map(({ my_role: role }) => role)).toEqual(['owner', 'owner']);
    expect((await buckets(server)).toSorted()).toEqual(
      [acme.bucket_name, plain.bucket_name].toSorted(),
    );
    expect(await counts(db)).toEqual({ tenants: 2, policies: 2, keys: 1, intents: 0 });
    const me = await createApiClient({
      server: server.url,
      token: () => Promise.resolve(acme.api_key!),
    }).me();
    expect(me).toMatchObject({ kind: 'api_key', tenant: { id: acme.id, slug: 'acme' } });
    const { tenants } = await admin.listTenants();
    expect(tenants.map(({ slug }) => slug)).toEqual(['acme', 'plain']);
    expect(JSON.stringify(tenants)).not.toContain('cloud_key_');
  });

  it.each(['ab', 'Acme', '-acme', 'acme-', 'a b', 'ä'.repeat(4), 'x'.repeat(41)])(
    'refuses the slug %s',
    async (slug) => {
      const { admin } = await start();
      expect(await failure(admin.createTenant({ slug, name: 'x' }))).toMatchObject({
        code: 'invalid-field',
        details: { status: 422, field: 'slug' },
      });
    },
  );

  it('refuses a slug that is taken, also when two come at once', async () => {
    const { server, db, admin } = await start();
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () =>
        admin.createTenant({ slug: 'acme', name: 'Acme', issue_api_key: true }),
      ),
    );
    const refused = results.filter((each) => each.status === 'rejected');
    expect(refused).toHaveLength(4);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: 'slug-taken', details: { status: 409 } });
    }
    expect(await counts(db)).toEqual({ tenants: 1, policies: 1, keys: 1, intents: 0 });
    expect(await buckets(server)).toHaveLength(1);
  });

  it('takes another name when somebody has that of the bucket', async () => {
    const asked: string[] = [];
    const { server, admin } = await start((storage) =>
      Object.assign(Object.create(storage) as StorageProvider, {
        endpointUrl: storage.endpointUrl,
        region: storage.region,
        createBucket: async (name: string) => {
          asked.push(name);
          if (asked.length < 3) return false;
          return storage.createBucket(name);
        },
        deleteBucket: (name: string) => storage.deleteBucket(name),
        setNotifications: (...call: Parameters<StorageProvider['setNotifications']>) =>
          storage.setNotifications(...call),
      }),
    );
    const tenant = await admin.createTenant({ slug: 'acme', name: 'Acme' });
    expect(new Set(asked).size).toBe(3);
    expect(tenant.bucket_name).toBe(asked[2]);
    expect(await buckets(server)).toEqual([asked[2]]);
  });

  it.each(['before', 'after'] as const)(
    'leaves nothing when the storage is lost %s it made the bucket',
    async (end) => {
      const { server, db, admin } = await start();
      trouble = (method, when) => {
        if (method === 'createBucket' && when === end) throw cut(method);
      };
      expect(await failure(admin.createTenant({ slug: 'acme', name: 'Acme' }))).toMatchObject({
        code: 'storage-unavailable',
      });
      expect(await buckets(server)).toEqual([]);
      trouble = () => undefined;
      clock.advance(120_000);
      await server.server.recover();
      expect(await counts(db)).toEqual({ tenants: 0, policies: 0, keys: 0, intents: 0 });
      await admin.createTenant({ slug: 'acme', name: 'Acme' });
    },
  );

  it('leaves nothing when the bucket cannot be told to notify us', async () => {
    const { server, db, admin } = await start();
    trouble = (method, when) => {
      if (method === 'setNotifications' && when === 'before') throw cut(method);
    };
    expect(await failure(admin.createTenant({ slug: 'acme', name: 'Acme' }))).toMatchObject({
      code: 'storage-unavailable',
    });
    expect(await buckets(server)).toEqual([]);
    trouble = () => undefined;
    clock.advance(120_000);
    await server.server.recover();
    expect(await counts(db)).toEqual({ tenants: 0, policies: 0, keys: 0, intents: 0 });
  });

  it('says that the disk of the storage is full', async () => {
    const { server, db, admin } = await start();
    server.objectStore.faults.set({ diskError: 'ENOSPC' });
    const error = await failure(admin.createTenant({ slug: 'acme', name: 'Acme' }));
    expect(error).toMatchObject({ code: 'storage-full' });
    expect(await counts(db)).toMatchObject({ tenants: 0, policies: 0 });
    server.objectStore.faults.clear();
    await admin.createTenant({ slug: 'acme', name: 'Acme' });
  });
});

describe('secrets', () => {
  it('are nowhere in the database and in no line of the log', async () => {
    const { server, admin } = await start();
    const tenant = await admin.createTenant({ slug: 'acme', name: 'Acme', issue_api_key: true });
    const key = tenant.api_key!;
    const anonymous = createApiClient({ server: server.url });
    const { access_token: access } = await anonymous.exchangeApiKey(key);
    const client = createApiClient({ server: server.url, token: () => Promise.resolve(access) });
    const credential = await client.createMountCredential({});
    trouble = (method) => {
      if (method === 'createAccessKey') throw cut(method);
    };
    await failure(client.createMountCredential({}));
    const secrets = [server.adminToken, key, access, credential.secret_key].flatMap((secret) => [
      secret,
      secret.slice(-24),
    ]);
    const stored = await storedTextOf(server);
    for (const text of [stored, server.logs()]) {
      for (const secret of secrets) expect(text.includes(secret)).toBe(false);
    }
    expect(stored).toContain(credential.access_key);
  });
});
