import { createS3Client, type S3Client } from '../../s3/client.ts';
import type { BucketAccess } from '../../session/bucket-access.ts';
import type { WatchOptions } from './watcher.ts';

/**
 * The key to the bucket as it is now, and one client that goes on with its connections. What is under
 * way goes on with the client that it has, until `closeReplaced`.
 */
export class StorageAccess {
  readonly #options: Pick<WatchOptions, 'renewAccess' | 'storedAccess'>;
  readonly #own: S3Client | undefined;
  #access: BucketAccess;
  #client: S3Client | undefined;
  readonly #replaced: S3Client[] = [];

  /** @param own a client of the caller, whatever the key is */
  constructor(
    options: Pick<WatchOptions, 'access' | 'renewAccess' | 'storedAccess'>,
    own: S3Client | undefined,
  ) {
    this.#options = options;
    this.#own = own;
    this.#access = options.access;
  }

  get access(): BucketAccess {
    return this.#access;
  }

  get client(): S3Client {
    this.#client ??= this.#own ?? createS3Client(this.#access);
    return this.#client;
  }

  /** As the option of a run; undefined when no other key can be asked for. */
  get renewAccess(): (() => Promise<BucketAccess>) | undefined {
    const { renewAccess } = this.#options;
    if (renewAccess === undefined) return undefined;
    return async () => {
      const access = await renewAccess();
      this.#use(access);
      return access;
    };
  }

  /** The key was ended, or ends soon. */
  async renew(): Promise<void> {
    try {
      await this.renewAccess?.();
    } catch {
      // The run that meets the old key's end asks again, and says what it hears.
    }
  }

  /** The key may have been replaced by another process. */
  async useStored(): Promise<void> {
    const stored = await this.#options.storedAccess?.();
    if (stored !== undefined) this.#use(stored);
  }

  /** Nothing is under way that could use them. */
  closeReplaced(): void {
    for (const client of this.#replaced.splice(0)) client.close();
  }

  close(): void {
    this.closeReplaced();
    this.#client?.close();
    this.#client = undefined;
  }

  #use(access: BucketAccess): void {
    // Another bucket is refused by the run that asked.
    const { bucket, credentialId } = this.#access;
    if (access.bucket !== bucket || access.credentialId === credentialId) return;
    if (this.#client !== undefined && this.#client !== this.#own) this.#replaced.push(this.#client);
    this.#client = undefined;
    this.#access = access;
  }
}
