import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startObjectStore } from '../../../src/object-store/index.ts';
import { systemClock, type Clock } from '../../../src/platform/clock.ts';
import {
  checkStorage,
  type CheckStorageDeps,
  type StorageCheck,
} from '../../../src/server/storage/check/check-storage.ts';
import type { ServerSettings } from '../../../src/server/settings.ts';
import { openEar } from '../../../src/server/storage/check/ear.ts';
import { StorageError, type StorageProvider } from '../../../src/server/storage/provider.ts';
import { TigrisStorage } from '../../../src/server/storage/tigris-storage.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { freePort } from '../../support/free-port.ts';
import { startTestServer } from '../../support/server.ts';
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

const SETTINGS = { host: '127.0.0.1', port: 0, publicUrl: undefined };
/** As far as a place to listen at is concerned. */
const TIGRIS: ServerSettings['storage'] = {
  kind: 'external',
  ...{ s3Endpoint: 'https://t3.storage.dev', region: 'auto', ...ADMIN },
  iamEndpoint: 'https://iam.storage.dev',
};

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
    ...{ storage, clock: systemClock, bucketPrefix: 'cloud' },
    listen: () => openEar({ ...SETTINGS, storage: TIGRIS }),
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
    {
      ...{ id: 'notifications', status: 'skipped' },
      detail: 'CLOUD_SERVER_PUBLIC_URL is not set: no address leads here',
    },
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

describe('notifications', () => {
  /** Whoever sleeps takes a tenth of a second for it, so that something can arrive meanwhile. */
  function slowerClock(): Clock {
    const clock = adjustableClock();
    const sleep = async (ms: number, signal?: AbortSignal) => {
      await clock.sleep(ms, signal);
      await systemClock.sleep(100, signal);
    };
    return { ...clock, sleep };
  }

  it('are seen to arrive at the public address, in place of the server', async () => {
    const clock = slowerClock();
    const storage = await open(clock);
    const port = await freePort();
    const publicUrl = `http://localhost:${port}`;
    const listen = () => openEar({ ...SETTINGS, publicUrl, port, storage: TIGRIS });
    const { notifications } = await check(storage, { clock, listen });
    expect(notifications).toMatchObject({ status: 'ok' });
    expect(notifications?.detail).toMatch(/^one arrived within \d+ ms$/);
    // Nobody listens there any more.
    await expect(fetch(publicUrl)).rejects.toThrow();
  });

  it('that never come are missed, after a while', async () => {
    const clock = slowerClock();
    const storage = await open(clock);
    const publicUrl = `http://127.0.0.1:${await freePort()}`;
    // The address leads somewhere else.
    const port = await freePort();
    const listen = () => openEar({ ...SETTINGS, publicUrl, port, storage: TIGRIS });
    const { notifications } = await check(storage, { clock, listen });
    expect(notifications).toMatchObject({
      ...{ status: 'failed', detail: `nothing came to ${publicUrl} in 30 s` },
      cure: expect.stringContaining('CLOUD_SERVER_PUBLIC_URL') as string,
    });
    expect(await everythingAt(storage)).toEqual(NOTHING);
  });

  it('that come without the token that was set are no good', async () => {
    const clock = slowerClock();
    const storage = await open(clock);
    const forgetful = changed(storage, {
      setNotifications: (bucket, { url }) =>
        storage.setNotifications(bucket, { url, token: 'another' }),
    });
    const port = await freePort();
    const publicUrl = `http://127.0.0.1:${port}`;
    const listen = () => openEar({ ...SETTINGS, publicUrl, port, storage: TIGRIS });
    const { notifications } = await check(forgetful, { clock, listen });
    expect(notifications).toMatchObject({
      ...{ status: 'failed', detail: 'one arrived, but it came without the token' },
    });
  });

  it('are not heard where the server runs, and it is said so', async () => {
    const clock = slowerClock();
    const storage = await open(clock);
    const server = await startTestServer();
    onTestFinished(() => server.close());
    const publicUrl = server.url;
    const port = Number(new URL(publicUrl).port);
    const listen = () => openEar({ ...SETTINGS, publicUrl, port, storage: TIGRIS });
    const { notifications } = await check(storage, { clock, listen });
    expect(notifications).toMatchObject({
      status: 'skipped',
      detail: `they can be set, but were not heard: port ${port} is in use; if by the server, stop it while this is tried`,
    });
  });
});
