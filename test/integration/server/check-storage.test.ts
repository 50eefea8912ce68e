import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startObjectStore } from '../../../src/object-store/index.ts';
import { systemClock, type Clock } from '../../../src/platform/clock.ts';
import {
  checkStorage,
  type CheckStorageDeps,
  type StorageCheck,
} from '../../../src/server/storage/check/check-storage.ts';
import { StorageError, type StorageProvider } from '../../../src/server/storage/provider.ts';
import { TigrisStorage } from '../../../src/server/storage/tigris-storage.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { openWorkspace } from '../../support/workspace.ts';

const ADMIN = { accessKeyId: 'tid_admin', secretAccessKey: 'tsec_admin_secret_of_a_test' };

async function open(clock: Clock): Promise<TigrisStorage> {
  const { root } = await openWorkspace();
  const store = await startObjectStore({ folder: join(root, 's'), port: 0, admin: ADMIN, clock });
  onTestFinished(() => store.close());
  return new TigrisStorage({
    ...{ s3Endpoint: store.url, iamEndpoint: store.url, region: 'auto', ...ADMIN },
    bucketRegions: undefined,
  });
}

/** The same storage, but for some calls. */
function changed(storage: StorageProvider, calls: Partial<StorageProvider>): StorageProvider {
  return new Proxy(storage, {
    get: (target, name) => {
      const own = calls[name as keyof StorageProvider] ?? target[name as keyof StorageProvider];
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

async function check(storage: StorageProvider, more: Partial<CheckStorageDeps> = {}) {
  const seen: StorageCheck[] = [];
  const checks = await checkStorage({
    ...{ storage, clock: systemClock, bucketPrefix: 'cloud', heard: undefined },
    webhook: undefined,
    signal: new AbortController().signal,
    report: (each) => void seen.push(each),
    ...more,
  });
  expect(seen).toEqual(checks);
  return Object.fromEntries(checks.map((each) => [each.id, each]));
}

async function everythingAt(storage: StorageProvider) {
  return {
    buckets: await storage.listBuckets(''),
    keys: (await storage.listAccessKeys()).map(({ label }) => label),
    policies: (await storage.listPolicies()).map(({ name }) => name),
  };
}
const NOTHING = { buckets: [], keys: [], policies: [] };

it('holds for our own storage, and leaves nothing', async () => {
  const clock = adjustableClock();
  const storage = await open(clock);
  const checks = await check(storage, { clock });
  expect(Object.values(checks).filter(({ status }) => status !== 'ok')).toMatchObject([
    { id: 'notifications', status: 'skipped' },
  ]);
  expect(await everythingAt(storage)).toEqual(NOTHING);
});

it('finds a storage that does not keep tenants apart, and says what to do', async () => {
  const clock = adjustableClock();
  const storage = await open(clock);
  const everything = { Effect: 'Allow', Action: ['s3:*'], Resource: ['*'] };
  const careless = changed(storage, {
    createPolicy: (name) =>
      storage.createPolicy(name, { Version: '2012-10-17', Statement: [everything] }),
  });
  const checks = await check(careless, { clock });
  for (const id of ['isolation', 'prefix', 'read-only', 'addresses', 'expiry']) {
    expect(checks[id], id).toMatchObject({ status: 'failed', cure: expect.any(String) as string });
  }
  expect(checks['isolation']?.detail).toContain('read from the other bucket (200)');
  expect(checks['use']?.status).toBe('ok');
  expect(checks['clean-up']?.status).toBe('ok');
  // The bucket that a tenant's key could make is gone as well.
  expect(await everythingAt(storage)).toEqual(NOTHING);
});

it('says what was not checked because of what failed before', async () => {
  const storage = await open(systemClock);
  const refusing = changed(storage, {
    createPolicy: () => Promise.reject(new StorageError('CreatePolicy', 'AccessDenied', 403)),
  });
  const checks = await check(refusing);
  expect(checks['keys']).toMatchObject({
    ...{ status: 'failed', detail: 'CreatePolicy at the object storage: AccessDenied' },
    cure: expect.stringContaining('CLOUD_SERVER_STORAGE_ACCESS_KEY_ID') as string,
  });
  expect(checks['isolation']).toMatchObject({ status: 'skipped', cure: null });
  expect(await everythingAt(storage)).toEqual(NOTHING);
});

it('interrupted, it removes what it has made', async () => {
  const storage = await open(systemClock);
  const stop = new AbortController();
  const reason = new Error('Interrupted.');
  const report = ({ id }: StorageCheck): void => {
    if (id === 'keys') stop.abort(reason);
  };
  const deps = { signal: stop.signal, report };
  await expect(check(storage, deps)).rejects.toBe(reason);
  expect(await everythingAt(storage)).toEqual(NOTHING);
});

it('killed, the next one removes what it has made, but nothing else and not at once', async () => {
  const storage = await open(systemClock);
  // What cannot be removed stays, as after a kill.
  const killed = changed(storage, {
    destroyBucket: () => Promise.reject(new StorageError('DeleteBucket', 'Unreachable', 0)),
    findAccessKeys: () => Promise.reject(new StorageError('ListAccessKeys', 'Unreachable', 0)),
  });
  const first = await check(killed, { clock: adjustableClock() });
  expect(first['clean-up']).toMatchObject({ status: 'failed' });
  const left = await everythingAt(storage);
  expect(left.buckets).toHaveLength(2);
  const others = ['cloud-check-in-0123456789abcdef', 'cloud-acme-0123456789abcdef'];
  for (const bucket of others) await storage.createBucket(bucket);
  await storage.createAccessKey('cloud-mount-of-somebody');

  const soon = await check(storage);
  expect(soon['abandoned']?.detail).toBe('nothing was left');
  const clock = adjustableClock();
  clock.advance(2 * 3_600_000);
  const later = await check(storage, { clock });
  expect(later['abandoned']?.detail).toMatch(/^\d+ removed$/);
  expect(await everythingAt(storage)).toEqual({
    ...{ buckets: others.toSorted(), keys: ['cloud-mount-of-somebody'], policies: [] },
  });
});
