import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiClient, type ApiClient } from '../../../src/api/client.ts';
import type {
  CreateMountCredential,
  MountCredentialWithSecret,
} from '../../../src/api/contract/mount.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { s3ClientFor } from '../../support/s3-client.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const clock = adjustableClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'], clock });
});
afterAll(() => server.close());

const client = (slug: string): ApiClient =>
  createApiClient({ server: server.url, token: () => Promise.resolve(server.apiKeyOf(slug)) });

async function issue(slug: string, wish: CreateMountCredential = {}) {
  const credential = await client(slug).createMountCredential(wish);
  return { credential, s3: s3ClientFor(credential), Bucket: credential.bucket_name };
}

/** The name of S3's error, or undefined when the call succeeded. */
async function refusal(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

const put = (s3: S3Client, Bucket: string, Key: string) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body: `body of ${Key}` }));
const read = (s3: S3Client, Bucket: string, Key: string) =>
  s3.send(new GetObjectCommand({ Bucket, Key }));
const list = (s3: S3Client, Bucket: string, Prefix?: string) =>
  s3.send(new ListObjectsV2Command({ Bucket, ...(Prefix === undefined ? {} : { Prefix }) }));

describe('a key of a tenant', () => {
  it('reads, writes, lists and deletes in its bucket', async () => {
    const { s3, Bucket } = await issue('acme');
    await put(s3, Bucket, 'a.txt');
    expect(await (await read(s3, Bucket, 'a.txt')).Body?.transformToString()).toBe('body of a.txt');
    expect((await list(s3, Bucket)).KeyCount).toBe(1);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a.txt' }));
    expect((await list(s3, Bucket)).KeyCount).toBe(0);
  });

  it('reaches no other bucket, and makes and lists none', async () => {
    const acme = await issue('acme');
    const other = await issue('other');
    await put(other.s3, other.Bucket, 'private.txt');
    expect([
      await refusal(read(acme.s3, other.Bucket, 'private.txt')),
      await refusal(put(acme.s3, other.Bucket, 'intruder.txt')),
      await refusal(list(acme.s3, other.Bucket)),
      await refusal(
        acme.s3.send(new DeleteObjectCommand({ Bucket: other.Bucket, Key: 'private.txt' })),
      ),
      await refusal(acme.s3.send(new CreateBucketCommand({ Bucket: 'a-bucket-of-my-own' }))),
      await refusal(acme.s3.send(new ListBucketsCommand({}))),
    ]).toEqual(Array.from({ length: 6 }, () => 'AccessDenied'));
  });

  it('is dead as soon as it is revoked, and the other keys of the tenant are not', async () => {
    const [one, two] = [await issue('acme'), await issue('acme')];
    await client('acme').revokeMountCredential(one.credential.id);
    expect(await refusal(list(one.s3, one.Bucket))).toBe('InvalidAccessKeyId');
    expect(await refusal(list(two.s3, two.Bucket))).toBeUndefined();
  });

  it('opens nothing with another secret', async () => {
    const { credential } = await issue('acme');
    const wrong: MountCredentialWithSecret = { ...credential, secret_key: 'tsec_wrong' };
    expect(await refusal(list(s3ClientFor(wrong), credential.bucket_name))).toBe(
      'SignatureDoesNotMatch',
    );
  });

  it('that is read-only does not write', async () => {
    const writer = await issue('acme');
    await put(writer.s3, writer.Bucket, 'kept.txt');
    const { s3, Bucket } = await issue('acme', { permission: 'ro' });
    expect(await refusal(read(s3, Bucket, 'kept.txt'))).toBeUndefined();
    expect(await refusal(list(s3, Bucket))).toBeUndefined();
    expect(await refusal(put(s3, Bucket, 'new.txt'))).toBe('AccessDenied');
    expect(await refusal(s3.send(new DeleteObjectCommand({ Bucket, Key: 'kept.txt' })))).toBe(
      'AccessDenied',
    );
  });

  it('with a prefix sees nothing beside it', async () => {
    const all = await issue('acme');
    await put(all.s3, all.Bucket, 'notes/a.txt');
    await put(all.s3, all.Bucket, 'notes-too/b.txt');
    const { s3, Bucket } = await issue('acme', { prefix: 'notes/' });
    expect(await refusal(read(s3, Bucket, 'notes/a.txt'))).toBeUndefined();
    expect(await refusal(put(s3, Bucket, 'notes/deep/c.txt'))).toBeUndefined();
    expect((await list(s3, Bucket, 'notes/')).KeyCount).toBe(2);
    expect(await refusal(read(s3, Bucket, 'notes-too/b.txt'))).toBe('AccessDenied');
    expect(await refusal(put(s3, Bucket, 'b.txt'))).toBe('AccessDenied');
    expect(await refusal(list(s3, Bucket))).toBe('AccessDenied');
    expect(await refusal(list(s3, Bucket, 'notes'))).toBe('AccessDenied');
  });

  it('with an end stops at it without anybody revoking it', async () => {
    const { s3, Bucket } = await issue('acme', { expires_in: 120 });
    expect(await refusal(put(s3, Bucket, 'in-time.txt'))).toBeUndefined();
    clock.advance(121_000);
    expect(await refusal(put(s3, Bucket, 'too-late.txt'))).toBe('AccessDenied');
    const { credentials } = await client('acme').listMountCredentials();
    expect(credentials.every(({ expires_at }) => expires_at === null)).toBe(true);
  });
});
