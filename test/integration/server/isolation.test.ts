import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient, type ApiClient } from '../../../src/api/client.ts';
import type {
  CreateMountCredential,
  MountCredentialWithSecret,
} from '../../../src/api/contract/mount.ts';
import { startObjectStore } from '../../../src/object-store/index.ts';
import { bucketPolicy } from '../../../src/server/domain/bucket-policy.ts';
import { canonicalRanges } from '../../../src/server/domain/source-ips.ts';
import { TigrisStorage } from '../../../src/server/storage/tigris-storage.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { s3ClientFor } from '../../support/s3-client.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openWorkspace } from '../../support/workspace.ts';

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

describe('a key that is bound to addresses', () => {
  const from = (localAddress: string) => ({
    requestHandler: { httpAgent: new Agent({ localAddress }) },
  });

  it('opens the bucket from these and nowhere else, and so does the one that takes its place', async () => {
    const wish = { source_ips: ['127.0.0.2/31', '::ffff:127.0.0.9', '127.0.0.3/31'] };
    const { credential, Bucket } = await issue('acme', wish);
    const source_ips = ['127.0.0.2/31', '127.0.0.9/32'];
    expect(credential).toMatchObject({ source_ips });
    const api = client('acme');
    await api.confirmMountCredential(credential.id);
    const successor = await api.rotateMountCredential(credential.id);
    const { credentials } = await api.listMountCredentials();
    for (const key of [credential, successor]) {
      expect(credentials.find(({ id }) => id === key.id)).toMatchObject({ source_ips });
      for (const address of ['127.0.0.2', '127.0.0.3', '127.0.0.9']) {
        const s3 = s3ClientFor(key, from(address));
        expect(await refusal(put(s3, Bucket, 'from.txt')), address).toBeUndefined();
        expect(await refusal(list(s3, Bucket)), address).toBeUndefined();
      }
      for (const address of ['127.0.0.1', '127.0.0.4']) {
        const s3 = s3ClientFor(key, from(address));
        expect(await refusal(put(s3, Bucket, 'from.txt')), address).toBe('AccessDenied');
        expect(await refusal(read(s3, Bucket, 'from.txt')), address).toBe('AccessDenied');
        expect(await refusal(list(s3, Bucket)), address).toBe('AccessDenied');
      }
    }
  });

  it('is bound just so over IPv6, and where IPv4 comes in at an address of IPv6', async () => {
    const { root } = await openWorkspace();
    const admin = { accessKeyId: 'tid_admin', secretAccessKey: 'tsec_admin_secret_of_a_test' };
    const store = await startObjectStore({ folder: root, port: 0, host: '::', admin });
    onTestFinished(() => store.close());
    const { port } = new URL(store.url);
    const at = (host: string) => `http://${host}:${port}`;
    const storage = new TigrisStorage({
      ...{ s3Endpoint: at('127.0.0.1'), iamEndpoint: at('127.0.0.1'), region: 'auto', ...admin },
      bucketRegions: undefined,
    });
    await storage.createBucket('both');
    const grant = { bucket: 'both', prefix: null, permission: 'rw', expiresAt: null } as const;
    for (const [range, open, shut] of [
      ['127.0.0.0/8', '127.0.0.1', '[::1]'],
      ['::1/128', '[::1]', '127.0.0.1'],
    ] as const) {
      const arn = await storage.createPolicy(`at-${port}-${range.length}`, {
        ...bucketPolicy({ ...grant, sourceIps: canonicalRanges([range]) }),
      });
      const key = await storage.createAccessKey('bound');
      await storage.attachPolicy(key.accessKeyId, arn);
      const s3 = (host: string) =>
        s3ClientFor({
          ...{ endpoint_url: at(host), region: 'auto' },
          ...{ access_key: key.accessKeyId, secret_key: key.secretAccessKey },
        });
      expect(await refusal(put(s3(open), 'both', 'a.txt')), range).toBeUndefined();
      expect(await refusal(put(s3(shut), 'both', 'a.txt')), range).toBe('AccessDenied');
      expect(await storage.knowsKey(key, 'both')).toBe(true);
      await storage.deleteAccessKey(key.accessKeyId);
      expect(await storage.knowsKey(key, 'both')).toBe(false);
    }
  });
});
