import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { MountCredentialWithSecret } from '../../../src/api/contract/mount.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { createS3Client } from '../../../src/s3/client.ts';
import { openSession } from '../../../src/session/open.ts';
import { STORED } from '../../../src/session/tokens.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import { updateConfiguration } from '../../../src/session/configuration.ts';
import { visit } from '../../support/doctor.ts';
import { freePort } from '../../support/free-port.ts';
import { openMountUser, type MountUser } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    tenants: [
      'well',
      'revoked',
      'unknown',
      'reader',
      'signed-out',
      'foreign',
      'ending',
      'littered',
      'serverless',
    ],
  });
});
afterAll(() => server.close());

async function storedKey({ host }: MountUser): Promise<MountCredentialWithSecret> {
  const text = await openSecretStore(host).getPassword(STORED.bucketKey, contextOf(host.env));
  return JSON.parse(text ?? '') as MountCredentialWithSecret;
}

async function storeKey({ host }: MountUser, key: MountCredentialWithSecret): Promise<void> {
  const store = openSecretStore(host);
  await store.setPassword(STORED.bucketKey, contextOf(host.env), JSON.stringify(key));
}

const contextOf = (env: NodeJS.ProcessEnv): string => env['TEST_CONTEXT'] ?? '';

async function newUser(slug: string): Promise<MountUser> {
  const user = await openMountUser(server, slug);
  user.env['TEST_CONTEXT'] = slug;
  return user;
}

test('where all is well there is nothing to say, and nothing is left in the bucket', async () => {
  const user = await newUser('well');
  const seen = await visit(user.host);
  expect(seen.trouble).toEqual([]);
  expect(seen).toMatchObject({ worst: 'ok', exitCode: 0, fixed: [], abandoned: false });
  expect(seen.of('bucket')).toMatchObject([{ level: 'ok' }]);
  expect(await user.bucket.names()).toEqual([]);
  expect(JSON.stringify(seen)).not.toContain((await storedKey(user)).secret_key);
});

test('a key that was revoked is renewed, and the report is of after that', async () => {
  const user = await newUser('revoked');
  const before = await storedKey(user);
  await user.api.revokeMountCredential(before.id);
  const seen = await visit(user.host);
  expect(seen.exitCode).toBe(4);
  expect(seen.of('key')).toMatchObject([{ level: 'failure', exitCode: 4 }]);
  expect(seen.of('bucket')).toMatchObject([{ level: 'failure', exitCode: 4 }]);
  const after = await visit(user.host, { fix: true });
  expect(after.trouble).toEqual([]);
  expect(after.fixed[0]).toMatchObject({ check: 'key', error: null });
  expect((await storedKey(user)).access_key).not.toBe(before.access_key);
});

test('a key that the storage refuses although the server lists it is replaced and revoked', async () => {
  const user = await newUser('unknown');
  const before = await storedKey(user);
  await storeKey(user, { ...before, secret_key: `${before.secret_key.slice(0, -1)}~` });
  const seen = await visit(user.host);
  expect(seen.of('key')).toMatchObject([{ level: 'ok' }]);
  expect(seen.of('bucket')).toMatchObject([{ level: 'failure', exitCode: 4 }]);
  const after = await visit(user.host, { fix: true });
  expect(after.trouble).toEqual([]);
  const { credentials } = await user.api.listMountCredentials();
  expect(credentials.map(({ id }) => id)).not.toContain(before.id);
  expect(credentials.map(({ id }) => id)).toContain((await storedKey(user)).id);
});

test('a key that ends within a day is replaced before it does', async () => {
  const user = await newUser('ending');
  const ending = await user.api.createMountCredential({ expires_in: 7200 });
  await storeKey(user, ending);
  expect((await visit(user.host)).trouble).toEqual(["key: This machine's key ends within a day"]);
  expect((await visit(user.host, { fix: true })).trouble).toEqual([]);
  const { credentials } = await user.api.listMountCredentials();
  expect(credentials.map(({ id }) => id)).not.toContain(ending.id);
});

test('a probe that a killed doctor left in the bucket is removed, a fresh one is not', async () => {
  const user = await newUser('littered');
  const s3 = createS3Client(await (await openSession(user.host, {})).bucketAccess());
  onTestFinished(() => s3.close());
  const key = '.cloud-doctor-0123456789ab';
  const body = Buffer.from('x');
  const md5 = createHash('md5').update(body).digest('hex');
  await s3.put({ key, body, md5, modifiedMs: 0, condition: { ifAbsent: true } });
  await visit(user.host);
  expect(await user.bucket.names()).toEqual([key]);
  const clock = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
  expect((await visit({ ...user.host, clock })).of('bucket')).toMatchObject([{ level: 'ok' }]);
  expect(await user.bucket.names()).toEqual([]);
});

test('a read-only key is not asked to write', async () => {
  const user = await newUser('reader');
  await storeKey(user, await user.api.createMountCredential({ permission: 'ro' }));
  const asked = new Set<string>();
  const stop = server.objectStore.requests.listen(({ operation }) => asked.add(operation));
  const seen = await visit(user.host);
  stop();
  expect(seen.of('bucket')).toMatchObject([{ level: 'ok' }]);
  expect(seen.of('bucket')[0]?.summary).toContain('may only read');
  expect(asked).toContain('ListObjectsV2');
  expect([...asked].filter((operation) => /^(Put|Delete)/.test(operation))).toEqual([]);
});

test('an API key that the server does not know', async () => {
  const user = await newUser('signed-out');
  const foreign = server.apiKeyOf('foreign');
  const host = { ...user.host, env: { ...user.env, CLOUD_TOKEN: foreign } };
  expect((await visit(host)).of('sign-in')).toMatchObject([
    { level: 'failure', exitCode: 4, cure: { command: 'cloud login' } },
  ]);
  const broken = { ...user.host, env: { ...user.env, CLOUD_TOKEN: 'eyJhbGciOiJub25lIn0.e30.' } };
  const seen = await visit(broken);
  expect(seen.exitCode).toBe(4);
  expect(seen.of('sign-in')).toMatchObject([
    { level: 'failure', cure: { command: 'unset CLOUD_TOKEN' } },
  ]);
  expect(seen.of('key')).toMatchObject([{ level: 'skipped' }]);
  // What is stored is enough for the bucket.
  expect(seen.of('bucket')).toMatchObject([{ level: 'ok' }]);
});

test('without the server the bucket is looked at all the same', async () => {
  const user = await newUser('serverless');
  const gone = `http://127.0.0.1:${await freePort()}`;
  await updateConfiguration(user.host, ({ contexts }) => {
    for (const context of Object.values(contexts)) context.server = gone;
  });
  const seen = await visit(user.host);
  expect(seen.exitCode).toBe(5);
  expect(seen.trouble).toEqual([`server: The server cannot be reached at ${gone}`]);
  expect(seen.of('key')).toMatchObject([
    { level: 'skipped', cause: `The server cannot be reached at ${gone}` },
  ]);
  expect(seen.of('bucket')).toMatchObject([{ level: 'ok' }]);
});

test('a keychain that is gone or locked', async () => {
  const user = await newUser('foreign');
  const openKeychain = (): Promise<never> => Promise.reject(new Error('no D-Bus here'));
  const { CLOUD_INSECURE_STORAGE: _choice, ...env } = user.env;
  const fresh = {
    ...user.host,
    env,
    places: { ...user.host.places, config: join(user.root, 'x') },
  };
  expect((await visit(fresh, {}, { openKeychain })).of('secrets')).toMatchObject([
    { level: 'warning', cause: 'no D-Bus here' },
  ]);
  await rm(join(user.host.places.config, 'secrets.key'));
  const seen = await visit(user.host);
  expect(seen.exitCode).toBe(78);
  expect(seen.of('secrets')).toMatchObject([{ level: 'failure', exitCode: 78 }]);
});
