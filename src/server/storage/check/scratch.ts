import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../platform/clock.ts';
import { bucketPolicy, type BucketGrant } from '../../domain/bucket-policy.ts';
import { StorageError, type AccessKeyPair, type StorageProvider } from '../provider.ts';
import { createSigner, type SignedRequest } from '../signed-requests.ts';

/**
 * The end of a name that a check has made: the time, something random, and what it is for. Nothing
 * else is ever removed; a tenant's bucket ends with sixteen random characters.
 */
const NAME =
  /^(?:.+-)?check-([0-9a-z]{8})-[0-9a-f]{8}-(?:one|two|foreign|prefix|read-only|anywhere|elsewhere|expiry)$/;
/** Things of a check that was killed are removed by a later one, once they are this old. */
const ABANDONED_MS = 3_600_000;
/** A new key, or the end of one, may take so long to be known everywhere. */
const KNOWN_WITHIN_MS = 30_000;

export interface ScratchKey extends AccessKeyPair {
  policyArn: string;
}

/** Answers of the storage that are refusals, as a key's holder sees them. */
const REFUSED = [401, 403];

/** Buckets, policies and keys for a check, each noted before it is made, so that all go again. */
export class Scratch {
  readonly #storage: StorageProvider;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #run: string;
  readonly #buckets: string[] = [];
  readonly #labels: string[] = [];

  constructor(storage: StorageProvider, clock: Clock, prefix: string) {
    this.#storage = storage;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#run = `${clock.now().toString(36)}-${randomBytes(4).toString('hex')}`;
  }

  /** A bucket that may come to be; it is removed with the others. */
  bucketName(name: string): string {
    const bucket = `${this.#prefix}-check-${this.#run}-${name}`;
    this.#buckets.push(bucket);
    return bucket;
  }

  async bucket(name: string): Promise<string> {
    const bucket = this.bucketName(name);
    if (await this.#storage.createBucket(bucket)) return bucket;
    throw new StorageError('CreateBucket', 'BucketAlreadyExists', 409);
  }

  /** A key that may do what `grant` says, and is known; if it is bound to addresses, perhaps not from here. */
  async key(name: string, grant: BucketGrant): Promise<ScratchKey> {
    const label = `cloud-check-${this.#run}-${name}`;
    this.#labels.push(label);
    const policyArn = await this.#storage.createPolicy(label, bucketPolicy(grant));
    const key = await this.#storage.createAccessKey(label);
    await this.#storage.attachPolicy(key.accessKeyId, policyArn);
    const list = this.as(key, { action: 'ListObjectsV2', method: 'GET', path: listOf(grant) });
    await this.until(async () =>
      grant.sourceIps === null
        ? (await list()) === 200
        : await this.#storage.knowsKey(key, grant.bucket),
    );
    return { ...key, policyArn };
  }

  /**
   * A request with a key. @returns its status
   *
   * @throws StorageError when there was no answer at all
   */
  as(
    key: AccessKeyPair,
    request: Omit<SignedRequest, 'url'> & { path: string },
  ): () => Promise<number> {
    const { path, ...rest } = request;
    const send = createSigner(key, 's3', this.#storage.region);
    return async () => {
      try {
        await send({ ...rest, url: `${this.#storage.endpointUrl}/${path}` });
        return 200;
      } catch (error) {
        if (error instanceof StorageError && error.status !== 0) return error.status;
        throw error;
      }
    };
  }

  /** Waits for what takes a while to be known. @returns milliseconds @throws StorageError */
  async until(isSo: () => Promise<boolean>, withinMs = KNOWN_WITHIN_MS): Promise<number> {
    const begun = this.#clock.now();
    for (let pause = 100; !(await isSo()); pause = Math.min(pause * 2, 2000)) {
      if (this.#clock.now() + pause - begun > withinMs) {
        throw new StorageError('Waiting', `NotWithin${withinMs / 1000}Seconds`, 0);
      }
      await this.#clock.sleep(pause);
    }
    return this.#clock.now() - begun;
  }

  /** Everything goes, whatever fails. @returns what could not be removed */
  async remove(): Promise<string[]> {
    return removeAll(this.#storage, this.#labels, this.#buckets);
  }

  /** What checks have left that were killed. @returns how many things went */
  async removeAbandoned(): Promise<number> {
    const isOld = (name: string): boolean => {
      const at = parseInt(NAME.exec(name)?.[1] ?? '', 36);
      return this.#clock.now() - at > ABANDONED_MS;
    };
    const keys = await this.#storage.listAccessKeys();
    const policies = await this.#storage.listPolicies();
    const buckets = await this.#storage.listBuckets(`${this.#prefix}-check-`);
    const names = [...keys.map(({ label }) => label), ...policies.map(({ name }) => name)];
    const labels = [
      ...new Set(names.filter((name) => name.startsWith('cloud-check-') && isOld(name))),
    ];
    const old = buckets.filter(isOld);
    const left = await removeAll(this.#storage, labels, old);
    return labels.length + old.length - left.length;
  }
}

async function removeAll(
  storage: StorageProvider,
  labels: readonly string[],
  buckets: readonly string[],
): Promise<string[]> {
  const left: string[] = [];
  const tried = async (what: string, remove: () => Promise<void>): Promise<void> => {
    try {
      await remove();
    } catch {
      left.push(what);
    }
  };
  for (const label of labels) {
    await tried(`the key and policy ${label}`, async () => {
      for (const id of await storage.findAccessKeys(label)) await storage.deleteAccessKey(id);
      const arn = await storage.findPolicy(label);
      if (arn !== undefined) await storage.deletePolicy(arn);
    });
  }
  for (const bucket of buckets) {
    await tried(`the bucket ${bucket}`, () => storage.destroyBucket(bucket));
  }
  return left;
}

function listOf({ bucket, prefix }: BucketGrant): string {
  const query = new URLSearchParams({ 'list-type': '2', 'max-keys': '1', prefix: prefix ?? '' });
  return `${bucket}?${query.toString()}`;
}

export function isRefused(status: number): boolean {
  return REFUSED.includes(status);
}
