import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { TestBucket } from '../../../support/devices.ts';

interface Seen {
  text: string;
  etag: string;
}

/** Somebody who reads and writes objects directly, and only over what they have read. */
export class BucketNode {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor({ access, store }: TestBucket) {
    this.#bucket = access.bucket;
    this.#client = new S3Client({
      endpoint: store.url,
      region: 'auto',
      forcePathStyle: true,
      credentials: access,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      maxAttempts: 1,
    });
  }

  async read(key: string): Promise<Seen | undefined> {
    try {
      const answer = await this.#client.send(new GetObjectCommand(this.#at(key)));
      return { text: (await answer.Body?.transformToString()) ?? '', etag: answer.ETag ?? '' };
    } catch (error) {
      if (status(error) === 404) return undefined;
      throw error;
    }
  }

  /** False when the object is not `over` any more: read again. */
  write(key: string, text: string, over: Seen | undefined): Promise<boolean> {
    const condition = over === undefined ? { IfNoneMatch: '*' } : { IfMatch: over.etag };
    return ifStill(() =>
      this.#client.send(new PutObjectCommand({ ...this.#at(key), Body: text, ...condition })),
    );
  }

  /** As `write`; the object has no MD5 then. */
  async writeInParts(key: string, text: string, over: Seen | undefined): Promise<boolean> {
    const at = this.#at(key);
    const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(at));
    const part = { ...at, UploadId, PartNumber: 1 };
    const { ETag } = await this.#client.send(new UploadPartCommand({ ...part, Body: text }));
    const condition = over === undefined ? { IfNoneMatch: '*' } : { IfMatch: over.etag };
    const whole = { ...at, UploadId, MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] } };
    return ifStill(() =>
      this.#client.send(new CompleteMultipartUploadCommand({ ...whole, ...condition })),
    );
  }

  remove(key: string, over: Seen): Promise<boolean> {
    return ifStill(() =>
      this.#client.send(new DeleteObjectCommand({ ...this.#at(key), IfMatch: over.etag })),
    );
  }

  /** Whatever the key says, and whatever is there. */
  async force(key: string, text: string | undefined): Promise<void> {
    if (text === undefined) await this.#client.send(new DeleteObjectCommand(this.#at(key)));
    else await this.#client.send(new PutObjectCommand({ ...this.#at(key), Body: text }));
  }

  /** Present objects without those of the product: key → text. */
  async all(): Promise<Map<string, string>> {
    const all = new Map<string, string>();
    const list = new ListObjectsV2Command({ Bucket: this.#bucket });
    const { Contents = [] } = await this.#client.send(list);
    await Promise.all(
      Contents.map(async ({ Key: key = '' }) => {
        if (key.startsWith('.cloud-')) return;
        const seen = await this.read(key);
        if (seen !== undefined) all.set(key, seen.text);
      }),
    );
    return all;
  }

  close(): void {
    this.#client.destroy();
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: key };
  }
}

async function ifStill(send: () => Promise<unknown>): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    if ([404, 409, 412].includes(status(error) ?? 0)) return false;
    throw error;
  }
}

function status(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
}
