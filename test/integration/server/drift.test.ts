import { describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import type { DriftFinding } from '../../../src/api/contract/drift.ts';
import { objectsOf } from '../../support/devices.ts';
import { startTestServer } from '../../support/server.ts';
import { storageInside } from '../../support/storage-inside.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

async function start() {
  const server = await startTestServer({ tenants: ['acme', 'other'] });
  onTestFinished(() => server.close());
  const clientOf = (token: string) =>
    createApiClient({ server: server.url, token: () => Promise.resolve(token) });
  const db = await openDatabaseOf(server);
  onTestFinished(() => db.destroy());
  const admin = clientOf(server.adminToken);
  const acme = clientOf(server.apiKeyOf('acme'));
  return { server, db, admin, acme, storage: await storageInside(server) };
}

const shown = (findings: readonly DriftFinding[]) =>
  findings.map(({ kind, tenant, name, fix, fixed }) => [kind, tenant, name, fix, fixed]);
const kinds = (findings: readonly DriftFinding[]) => findings.map(({ kind }) => kind).toSorted();
const READING = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::x/*'] }],
};
const nobody = '0b5fd5a5-0000-4000-8000-000000000000';

describe('comparing database and storage', () => {
  it('finds nothing where nothing differs, and nothing of others', async () => {
    const { admin, acme, storage } = await start();
    await acme.createMountCredential({});
    const revoked = await acme.createMountCredential({});
    await acme.revokeMountCredential(revoked.id);
    await storage.createBucket('somebody-elses');
    await storage.createAccessKey('the key of somebody');
    await storage.createPolicy('cloud-mount-of-our-own-team', READING);
    expect((await admin.findDrift()).findings).toEqual([]);
    await admin.setTenantPolicy('acme', { policy: 'denied' });
    expect((await admin.fixDrift()).findings).toEqual([]);
    expect(await storage.hasBucket('somebody-elses')).toBe(true);
    expect(await storage.listAccessKeys()).toHaveLength(2);
  });

  it('finds each difference, changes none of them, and fixes what can be', async () => {
    const { db, admin, acme, storage } = await start();
    const [kept, dead, wrong] = [
      await acme.createMountCredential({}),
      await acme.createMountCredential({}),
      await acme.createMountCredential({}),
    ];
    // A bucket and a key with its policy that nobody knows of.
    await storage.createBucket('cloud-lost-aaaa');
    const leaked = await storage.createAccessKey(`cloud-mount-${nobody}`);
    const arn = await storage.createPolicy(`cloud-mount-${nobody}`, READING);
    await storage.attachPolicy(leaked.accessKeyId, arn);
    // By hand, at the storage.
    await storage.deleteAccessKey(dead.access_key);
    await storage.setAccessKeyActive(wrong.access_key, false);
    const { tenants } = await admin.listTenants();
    const other = tenants.find(({ slug }) => slug === 'other')!;
    await storage.destroyBucket(other.bucket_name);

    const { findings } = await admin.findDrift();
    expect(new Set(shown(findings))).toEqual(
      new Set([
        ['bucket-without-tenant', null, 'cloud-lost-aaaa', 'delete', null],
        ['tenant-without-bucket', 'other', other.bucket_name, 'none', null],
        ['leaked-key', null, leaked.accessKeyId, 'delete', null],
        ['leaked-policy', null, `cloud-mount-${nobody}`, 'delete', null],
        ['key-should-be-active', 'acme', wrong.access_key, 'activate', null],
        ['credential-without-key', 'acme', dead.access_key, 'revoke', null],
      ]),
    );
    expect((await admin.findDrift()).findings).toEqual(findings);
    expect(kinds((await admin.findDrift('acme')).findings)).toEqual([
      'credential-without-key',
      'key-should-be-active',
    ]);

    // What it never issued may be of another server with the same storage account.
    const careful = (await admin.fixDrift()).findings.filter((each) => each.fixed !== true);
    expect(kinds(careful)).toEqual(['leaked-key', 'leaked-policy', 'tenant-without-bucket']);
    expect(careful.find(({ kind }) => kind === 'leaked-key')?.note).toContain('another one');
    const fixed = (await admin.fixDrift(undefined, true)).findings;
    expect(fixed.filter((each) => each.fixed !== true).map(({ kind }) => kind)).toEqual([
      'tenant-without-bucket',
    ]);
    expect(kinds((await admin.findDrift()).findings)).toEqual(['tenant-without-bucket']);
    const { credentials } = await acme.listMountCredentials();
    expect(credentials.map(({ id }) => id).toSorted()).toEqual([kept.id, wrong.id].toSorted());
    const pair = { accessKeyId: wrong.access_key, secretAccessKey: wrong.secret_key };
    expect(await storage.canList(pair, wrong.bucket_name, '')).toBe(true);
    const events = await db.selectFrom('audit_events').select('type').execute();
    expect(events.filter(({ type }) => type === 'DriftFixedEvent')).toHaveLength(5);
  });

  it('leaves a bucket that holds something to a person', async () => {
    const { admin, acme, storage } = await start();
    const key = await acme.createMountCredential({});
    const bucket = 'cloud-lost-bbbb';
    await storage.createBucket(bucket);
    const own = await storage.createAccessKey('to write with');
    const arn = await storage.createPolicy('to-write-with', {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: ['s3:*'], Resource: [`arn:aws:s3:::${bucket}/*`] }],
    });
    await storage.attachPolicy(own.accessKeyId, arn);
    const { endpoint_url: endpoint } = key;
    await objectsOf({ ...own, endpoint, bucket } as never).put('a.md', 'text');
    const [finding] = (await admin.fixDrift()).findings;
    expect(finding).toMatchObject({ kind: 'bucket-without-tenant', fixed: false });
    expect(finding?.note).toContain('not empty');
    expect(await storage.hasBucket(bucket)).toBe(true);
  });

  it('finds a key that works although its tenant is denied', async () => {
    const { admin, acme, storage } = await start();
    const key = await acme.createMountCredential({});
    await admin.setTenantPolicy('acme', { policy: 'denied' });
    await storage.setAccessKeyActive(key.access_key, true);
    const [finding] = (await admin.fixDrift()).findings;
    expect(finding).toMatchObject({
      kind: 'key-should-be-inactive',
      name: key.access_key,
      fixed: true,
    });
    const pair = { accessKeyId: key.access_key, secretAccessKey: key.secret_key };
    expect(await storage.canList(pair, key.bucket_name, '')).toBe(false);
  });
});
