import type { Clock } from '../../../platform/clock.ts';
import type { BucketGrant } from '../../domain/bucket-policy.ts';
import type { AccessKeyPair, StorageProvider } from '../provider.ts';
import type { Ear } from './ear.ts';
import { isRefused, type Scratch, type ScratchKey } from './scratch.ts';

export interface StepDeps {
  storage: StorageProvider;
  clock: Clock;
  /** Where notifications would be heard. */
  listen: () => Promise<Ear>;
}

/** A promise of the storage that did not hold; the message says which. */
export class Broken extends Error {}

/** Nobody can say from here whether it holds; the message says why. */
export class Unseen extends Error {}

export interface Step {
  id: string;
  title: string;
  cure: string;
  /** @returns what was seen @throws Broken, Unseen, Missing, StorageError */
  run: (made: Made, deps: StepDeps, scratch: Scratch) => Promise<string>;
}

interface TenantOfCheck {
  bucket: string;
  key: ScratchKey;
}

/** What earlier steps have made; a step whose needs are missing is skipped. */
export interface Made {
  /** The storage answers, to an administrator's key. */
  reached?: true;
  buckets?: { one: string; two: string };
  one?: TenantOfCheck;
  two?: TenantOfCheck;
}

/** What an earlier step should have made is not there. */
export class Missing extends Error {}

/** @throws Missing */
export function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new Missing();
  return value;
}

export function grantOn(bucket: string, more: Partial<BucketGrant> = {}): BucketGrant {
  return { bucket, prefix: null, permission: 'rw', expiresAt: null, sourceIps: null, ...more };
}

/** Requests of a tenant's key, by name. */
export function asTenant(scratch: Scratch, key: AccessKeyPair) {
  const send = (action: string, method: 'GET' | 'PUT' | 'DELETE', path: string) =>
    scratch.as(key, { action, method, path, ...(method === 'PUT' ? { body: 'check' } : {}) })();
  return {
    put: (bucket: string, name: string) => send('PutObject', 'PUT', `${bucket}/${name}`),
    get: (bucket: string, name: string) => send('GetObject', 'GET', `${bucket}/${name}`),
    delete: (bucket: string, name: string) => send('DeleteObject', 'DELETE', `${bucket}/${name}`),
    list: (bucket: string, prefix = '') =>
      send('ListObjectsV2', 'GET', `${bucket}?list-type=2&prefix=${encodeURIComponent(prefix)}`),
    listBuckets: () => send('ListBuckets', 'GET', ''),
    createBucket: (bucket: string) =>
      scratch.as(key, { action: 'CreateBucket', method: 'PUT', path: bucket })(),
  };
}

/** @throws Broken naming each that did not end as it should */
export async function expectAll(
  wanted: 'allowed' | 'refused',
  calls: Readonly<Record<string, () => Promise<number>>>,
): Promise<void> {
  const wrong: string[] = [];
  for (const [what, call] of Object.entries(calls)) {
    const status = await call();
    const isRight = wanted === 'allowed' ? status === 200 : isRefused(status);
    if (!isRight) wrong.push(`${what} (${status})`);
  }
  if (wrong.length > 0) throw new Broken(`should be ${wanted}, but was not: ${wrong.join(', ')}`);
}
