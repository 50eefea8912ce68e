import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { createApiClient, type ApiClient } from '../../src/api/client.ts';
import type { MountCredentialWithSecret } from '../../src/api/contract/mount.ts';
import { CONTESTED, type Change } from './tree.ts';

const OBSERVER = 'the observer of the demo';

/** The bucket as another device sees it: through the AWS SDK, with a key of its own. */
export class Bucket {
  readonly #api: ApiClient;
  readonly #s3: S3Client;
  readonly #name: string;

  static async open(server: string, apiKey: string): Promise<Bucket> {
    const { access_token: token } = await createApiClient({ server }).exchangeApiKey(apiKey);
    const api = createApiClient({ server, token: () => Promise.resolve(token) });
    return new Bucket(api, await api.createMountCredential({ description: OBSERVER }));
  }

  private constructor(api: ApiClient, credential: MountCredentialWithSecret) {
    this.#api = api;
    this.#name = credential.bucket_name;
    this.#s3 = new S3Client({
      endpoint: credential.endpoint_url,
      region: credential.region,
      forcePathStyle: true,
      // Tigris rejected streamed trailing checksums; see docs of the SDK's 3.729 change.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      credentials: {
        accessKeyId: credential.access_key,
        secretAccessKey: credential.secret_key,
      },
    });
  }

  /** key → ETag, which is the MD5 of an object that was put in one part. */
  async checksums(): Promise<Map<string, string>> {
    const sums = new Map<string, string>();
    for await (const page of paginateListObjectsV2({ client: this.#s3 }, { Bucket: this.#name })) {
      for (const { Key, ETag } of page.Contents ?? []) {
        if (Key !== undefined && !isOurs(Key)) sums.set(Key, (ETag ?? '').replaceAll('"', ''));
      }
    }
    return sums;
  }

  async read(key: string): Promise<string | undefined> {
    const answer = await this.#s3.send(new GetObjectCommand({ Bucket: this.#name, Key: key }));
    return answer.Body?.transformToString();
  }

  /** What another device does meanwhile. */
  async change(): Promise<Change[]> {
    const keys = [...(await this.checksums()).keys()].filter((key) => key.startsWith('package-a/'));
    const edited = keys.filter((key) => key !== CONTESTED).slice(0, 6);
    const deleted = keys.filter((key) => key !== CONTESTED).slice(6, 8);
    for (const key of edited) await this.#put(key, `edited on another device: ${key}\n`);
    for (let index = 0; index < 8; index += 1)
      await this.#put(`inbox/${index}.md`, `mail ${index}\n`);
    for (const key of deleted) {
      await this.#s3.send(new DeleteObjectCommand({ Bucket: this.#name, Key: key }));
    }
    await this.#put(CONTESTED, 'edited there, on another device\n');
    return [
      { where: 'in the bucket', what: 'edited', count: edited.length + 1 },
      { where: 'in the bucket', what: 'added', count: 8 },
      { where: 'in the bucket', what: 'deleted', count: deleted.length },
    ];
  }

  /** How many keys of the tenant are active, this observer's own left out. */
  async activeKeys(): Promise<number> {
    const { credentials } = await this.#api.listMountCredentials();
    return credentials.filter(({ description }) => description !== OBSERVER).length;
  }

  async #put(key: string, body: string): Promise<void> {
    await this.#s3.send(new PutObjectCommand({ Bucket: this.#name, Key: key, Body: body }));
  }
}

/** Files that hold a folder pair together are not part of what a person keeps there. */
function isOurs(key: string): boolean {
  return key.split('/').some((name) => name.startsWith('.cloud') || name === 'RCLONE_TEST');
}
