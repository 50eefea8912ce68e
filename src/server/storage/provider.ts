/** A key pair as the provider made it. The secret exists only here and in the answer. */
export interface AccessKeyPair {
  accessKeyId: string;
  secretAccessKey: string;
}

/** The state of a bucket that has a name. */
export interface TakenSnapshot {
  /** Nanoseconds since the epoch. */
  version: string;
  name: string | null;
  /** RFC 3339. */
  createdAt: string;
}

/** A version of an object, or the mark that a delete left: no size and no ETag. */
export interface KeptVersion {
  /** Nanoseconds since the epoch; `null` where a bucket keeps no versions. */
  version: string;
  size: number | null;
  etag: string | null;
  latest: boolean;
}

/** A key as the provider lists it; undefined where it does not say whether it is active. */
export interface ListedAccessKey {
  id: string;
  label: string;
  active: boolean | undefined;
}

/**
 * What the domain asks of object storage. Deletions count "not found" as done. Every method throws
 * `StorageError` and has a deadline of its own.
 */
export interface StorageProvider {
  /** What clients are told. */
  readonly endpointUrl: string;
  readonly region: string;
  /**
   * A bucket that keeps every version; deleted as a whole it can be had back for a month.
   *
   * @param regions where it lies, instead of the provider's default
   * @returns false when somebody has that name already
   */
  createBucket(name: string, regions?: string): Promise<boolean>;
  /** @returns the version by which the bucket can be read as it is now */
  createSnapshot(bucket: string, name: string | undefined): Promise<string>;
  listSnapshots(bucket: string): Promise<TakenSnapshot[]>;
  /** Of this one key, newest first, at most a thousand. */
  listVersions(bucket: string, key: string): Promise<KeptVersion[]>;
  /** Deletes an empty bucket. */
  deleteBucket(name: string): Promise<void>;
  /** Deletes a bucket with all that is in it; may be repeated after it was cut off. */
  destroyBucket(name: string): Promise<void>;
  /** Whether there is such a bucket of ours. */
  hasBucket(name: string): Promise<boolean>;
  /** Our buckets whose names begin so. */
  listBuckets(prefix: string): Promise<string[]>;
  /** How much a bucket holds; of a very large one, at least how much. */
  measureBucket(name: string): Promise<{ objects: number; bytes: number; more: boolean }>;
  /** Has every change in the bucket posted to `url`, with `token` as bearer. */
  setNotifications(bucket: string, webhook: { url: string; token: string }): Promise<void>;
  /** @returns the policy's ARN */
  createPolicy(name: string, document: object): Promise<string>;
  /** ARN of the policy with this very name, if there is one. */
  findPolicy(name: string): Promise<string | undefined>;
  deletePolicy(arn: string): Promise<void>;
  listPolicies(): Promise<{ name: string; arn: string }[]>;
  /** `label` is a name for people and for `findAccessKeys`; it identifies nothing. */
  createAccessKey(label: string): Promise<AccessKeyPair>;
  findAccessKeys(label: string): Promise<string[]>;
  listAccessKeys(): Promise<ListedAccessKey[]>;
  /** @returns false when there is no such key */
  setAccessKeyActive(accessKeyId: string, active: boolean): Promise<boolean>;
  deleteAccessKey(accessKeyId: string): Promise<void>;
  attachPolicy(accessKeyId: string, arn: string): Promise<void>;
  /** Whether this key can list below `prefix` ('' for the whole bucket) now. */
  canList(key: AccessKeyPair, bucket: string, prefix: string): Promise<boolean>;
  /** Whether this key is known now, even if its policy refuses it from here. */
  knowsKey(key: AccessKeyPair, bucket: string): Promise<boolean>;
}

/**
 * The provider refused or could not be reached. `code` is its own (`NoSuchBucket` …) or
 * `Unreachable`, `BadAnswer`; `status` is 0 when there was no answer, and then nobody knows whether
 * the call took effect.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly action: string;
  readonly code: string;
  readonly status: number;
  constructor(action: string, code: string, status: number, cause?: unknown) {
    super(`${action} at the object storage: ${code}`, cause === undefined ? {} : { cause });
    this.action = action;
    this.code = code;
    this.status = status;
  }
}
