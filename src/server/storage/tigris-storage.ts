import { BucketHistory } from './bucket-history.ts';
import { BucketContents, listBuckets, type Measured } from './bucket-contents.ts';
import { IamClient } from './iam-client.ts';
import {
  StorageError,
  type AccessKeyPair,
  type KeptVersion,
  type ListedAccessKey,
  type StorageProvider,
  type TakenSnapshot,
} from './provider.ts';
import { createSigner, type RetryDeps, type Signer } from './signed-requests.ts';

/** Of 1,000 objects each: so many are looked at to say how much is in a bucket. */
const MEASURED_PAGES = 200;

export interface TigrisOptions {
  /** Addresses without a slash at the end. */
  s3Endpoint: string;
  iamEndpoint: string;
  region: string;
  /** The key that may create buckets, keys and policies. */
  accessKeyId: string;
  secretAccessKey: string;
  /** `X-Tigris-Regions` of new buckets. */
  bucketRegions: string | undefined;
}

/**
 * Can be said only when a bucket is made. With snapshots a plain delete leaves a mark and every version
 * stays; soft delete then is for the bucket as a whole. Its days: 7 to 90.
 */
const KEEPS_HISTORY = { 'x-tigris-enable-snapshot': 'true', 'x-tigris-soft-delete': '30' };

/**
 * Object storage that speaks S3 and the IAM query API as Tigris does. The object store of this
 * product is spoken to in the same way: it differs by addresses and keys alone.
 */
export class TigrisStorage implements StorageProvider {
  readonly endpointUrl: string;
  readonly region: string;
  readonly #bucketRegions: string | undefined;
  readonly #s3: Signer;
  readonly #iam: IamClient;
  readonly #history: BucketHistory;

  constructor(options: TigrisOptions, retry?: RetryDeps) {
    this.endpointUrl = options.s3Endpoint;
    this.region = options.region;
    this.#bucketRegions = options.bucketRegions;
    this.#s3 = createSigner(options, 's3', options.region, retry);
    this.#history = new BucketHistory(options.s3Endpoint, this.#s3);
    this.#iam = new IamClient(
      options.iamEndpoint,
      createSigner(options, 'iam', options.region, retry),
    );
  }

  async createBucket(name: string, regions = this.#bucketRegions): Promise<boolean> {
    try {
      await this.#s3({
        action: 'CreateBucket',
        method: 'PUT',
        url: this.#bucketUrl(name),
        headers: {
          ...KEEPS_HISTORY,
          ...(regions !== undefined && { 'x-tigris-regions': regions }),
        },
      });
      return true;
    } catch (error) {
      // 409: the name is somebody's. Even our own organization's bucket is not this tenant's.
      if (error instanceof StorageError && error.status === 409) return false;
      throw error;
    }
  }

  async deleteBucket(name: string): Promise<void> {
    try {
      await this.#s3({ action: 'DeleteBucket', method: 'DELETE', url: this.#bucketUrl(name) });
    } catch (error) {
      if (!(error instanceof StorageError) || error.status !== 404) throw error;
    }
  }

  createSnapshot(bucket: string, name: string | undefined): Promise<string> {
    return this.#history.createSnapshot(bucket, name);
  }

  listSnapshots(bucket: string): Promise<TakenSnapshot[]> {
    return this.#history.listSnapshots(bucket);
  }

  listVersions(bucket: string, key: string): Promise<KeptVersion[]> {
    return this.#history.listVersions(bucket, key);
  }

  /** Tigris takes the objects along when it is told to; of others the bucket is emptied first. */
  async destroyBucket(name: string): Promise<void> {
    const destroy = (): Promise<string> =>
      this.#s3({
        action: 'DeleteBucket',
        method: 'DELETE',
        url: this.#bucketUrl(name),
        headers: { 'tigris-force-delete': 'true' },
      });
    try {
      await destroy().catch(async (error: unknown) => {
        if (!(error instanceof StorageError) || error.code !== 'BucketNotEmpty') throw error;
        await this.#contents(name).empty();
        await destroy();
      });
    } catch (error) {
      if (!(error instanceof StorageError) || error.status !== 404) throw error;
    }
  }

  async hasBucket(name: string): Promise<boolean> {
    try {
      await this.#s3({ action: 'HeadBucket', method: 'HEAD', url: this.#bucketUrl(name) });
      return true;
    } catch (error) {
      if (error instanceof StorageError && error.status === 404) return false;
      throw error;
    }
  }

  listBuckets(prefix: string): Promise<string[]> {
    return listBuckets(this.#s3, this.endpointUrl, prefix);
  }

  measureBucket(name: string): Promise<Measured> {
    return this.#contents(name).measure(MEASURED_PAGES);
  }

  /** Tigris's own call; AWS's PutBucketNotificationConfiguration is not there. */
  async setNotifications(bucket: string, webhook: { url: string; token: string }): Promise<void> {
    const { url, token } = webhook;
    await this.#s3({
      action: 'SetNotifications',
      method: 'PATCH',
      url: this.#bucketUrl(bucket),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        object_notifications: { enabled: true, web_hook: url, auth: { token } },
      }),
    });
  }

  createPolicy(name: string, document: object): Promise<string> {
    return this.#iam.createPolicy(name, document);
  }

  findPolicy(name: string): Promise<string | undefined> {
    return this.#iam.findPolicy(name);
  }

  deletePolicy(arn: string): Promise<void> {
    return this.#iam.deletePolicy(arn);
  }

  listPolicies(): Promise<{ name: string; arn: string }[]> {
    return this.#iam.listPolicies();
  }

  listAccessKeys(): Promise<ListedAccessKey[]> {
    return this.#iam.listAccessKeys();
  }

  setAccessKeyActive(accessKeyId: string, active: boolean): Promise<boolean> {
    return this.#iam.setAccessKeyActive(accessKeyId, active);
  }

  createAccessKey(label: string): Promise<AccessKeyPair> {
    return this.#iam.createAccessKey(label);
  }

  findAccessKeys(label: string): Promise<string[]> {
    return this.#iam.findAccessKeys(label);
  }

  deleteAccessKey(accessKeyId: string): Promise<void> {
    return this.#iam.deleteAccessKey(accessKeyId);
  }

  attachPolicy(accessKeyId: string, arn: string): Promise<void> {
    return this.#iam.attachPolicy(accessKeyId, arn);
  }

  async canList(key: AccessKeyPair, bucket: string, prefix: string): Promise<boolean> {
    return (await this.#listOnce(key, bucket, prefix)) === undefined;
  }

  async knowsKey(key: AccessKeyPair, bucket: string): Promise<boolean> {
    const refusal = await this.#listOnce(key, bucket, '');
    return refusal === undefined || refusal.code === 'AccessDenied';
  }

  async #listOnce(
    key: AccessKeyPair,
    bucket: string,
    prefix: string,
  ): Promise<StorageError | undefined> {
    const query = new URLSearchParams({ 'list-type': '2', 'max-keys': '1', prefix });
    try {
      await createSigner(
        key,
        's3',
        this.region,
      )({
        action: 'ListObjectsV2',
        method: 'GET',
        url: `${this.#bucketUrl(bucket)}?${query.toString()}`,
        once: true,
      });
      return undefined;
    } catch (error) {
      if (error instanceof StorageError) return error;
      throw error;
    }
  }

  #contents(bucket: string): BucketContents {
    return new BucketContents(this.#s3, this.#bucketUrl(bucket));
  }

  #bucketUrl(name: string): string {
    return `${this.endpointUrl}/${name}`;
  }
}
