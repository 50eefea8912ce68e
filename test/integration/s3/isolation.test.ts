import {
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createApiClient, type ApiClient } from '../../../src/api/client.ts';
import type {
  CreateMountCredential,
  MountCredentialWithSecret,
} from '../../../src/api/contract/mount.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { available } from '../../support/available.ts';
import { realRclone } from '../../support/rclone.ts';
import { s3ClientFor } from '../../support/s3-client.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { storageAdminOf } from '../../support/storage-inside.ts';

// What SPEC-8 promises of keys, asked by clients that nobody here wrote.

// The aws CLI alone takes seconds to start on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

type Key = Pick<MountCredentialWithSecret, 'endpoint_url' | 'region' | 'access_key' | 'secret_key'>;
interface Outsider {
  /** Each answers what it was told, or throws. `list` is of a folder, with a slash, or of all. */
  read(key: Key, bucket: string, path: string): Promise<string>;
  write(key: Key, bucket: string, path: string): Promise<unknown>;
  list(key: Key, bucket: string, folder?: string): Promise<unknown>;
  buckets(key: Key): Promise<unknown>;
}

const clock = adjustableClock();
let server: TestServer;
let rcloneProgram = '';
beforeAll(async () => {
  rcloneProgram = (await realRclone()).path;
  server = await startTestServer({ tenants: ['acme', 'other'], clock });
});
afterAll(() => server.close());

const bodyOf = (path: string): string => `body of ${path}`;

const awsSdk: Outsider = {
  read: async (key, Bucket, Key) => {
    const { Body } = await s3ClientFor(key).send(new GetObjectCommand({ Bucket, Key }));
    return (await Body?.transformToString()) ?? '';
  },
  write: (key, Bucket, Key) =>
    s3ClientFor(key).send(new PutObjectCommand({ Bucket, Key, Body: bodyOf(Key) })),
  list: (key, Bucket, Prefix = '') =>
    s3ClientFor(key).send(new ListObjectsV2Command({ Bucket, Prefix })),
  buckets: (key) => s3ClientFor(key).send(new ListBucketsCommand({})),
};

const secretsOf = ({ access_key, secret_key }: Key) => {
  return { AWS_ACCESS_KEY_ID: access_key, AWS_SECRET_ACCESS_KEY: secret_key };
};

async function aws(key: Key, args: string[]): Promise<string> {
  const env = {
    ...{ PATH: process.env['PATH'], HOME: server.dataFolder, LANG: 'C.UTF-8' },
    ...{ AWS_DEFAULT_REGION: key.region, AWS_EC2_METADATA_DISABLED: 'true', AWS_MAX_ATTEMPTS: '1' },
    ...secretsOf(key),
  };
  const all = ['--endpoint-url', key.endpoint_url, 's3api', ...args];
  return (await execa('aws', all, { env, extendEnv: false })).stdout;
}

const awsCli: Outsider = {
  read: async (key, bucket, path) => {
    const file = join(server.dataFolder, 'read-by-aws');
    await aws(key, ['get-object', '--bucket', bucket, '--key', path, file]);
    return readFile(file, 'utf8');
  },
  write: (key, bucket, path) => aws(key, ['put-object', '--bucket', bucket, '--key', path]),
  list: (key, bucket, folder = '') =>
    aws(key, ['list-objects-v2', '--bucket', bucket, '--prefix', folder]),
  buckets: (key) => aws(key, ['list-buckets']),
};

async function rclone(key: Key, args: string[], input = ''): Promise<string> {
  const env = {
    ...{ PATH: process.env['PATH'], HOME: server.dataFolder, LANG: 'C.UTF-8' },
    ...{ RCLONE_CONFIG_T_TYPE: 's3', RCLONE_CONFIG_T_PROVIDER: 'Other' },
    ...{ RCLONE_CONFIG_T_ENDPOINT: key.endpoint_url, RCLONE_CONFIG_T_REGION: key.region },
    ...{ RCLONE_CONFIG_T_ENV_AUTH: 'true', RCLONE_CONFIG_T_NO_CHECK_BUCKET: 'true' },
    ...secretsOf(key),
  };
  const all = ['--config', '', '--retries', '1', '--low-level-retries', '1', ...args];
  return (await execa(rcloneProgram, all, { env, extendEnv: false, input })).stdout;
}

const realRcloneClient: Outsider = {
  read: (key, bucket, path) => rclone(key, ['cat', `t:${bucket}/${path}`]),
  write: (key, bucket, path) => rclone(key, ['rcat', `t:${bucket}/${path}`], bodyOf(path)),
  list: (key, bucket, folder = '') => rclone(key, ['lsf', `t:${bucket}/${folder}`]),
  buckets: (key) => rclone(key, ['lsf', 't:']),
};

/** `ok`, or S3's word for why not. An answer to HEAD has no body, so only `Forbidden` is known. */
async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    const text = error instanceof Error ? `${error.name} ${error.message}` : String(error);
    const word = /AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden/.exec(text);
    return word?.[0].replace('Forbidden', 'AccessDenied') ?? text;
  }
}
const outcomes = async (...calls: (() => Promise<unknown>)[]): Promise<string[]> => {
  const all: string[] = [];
  for (const call of calls) all.push(await outcome(call()));
  return all;
};

const tenant = (slug: string): ApiClient =>
  createApiClient({ server: server.url, token: () => Promise.resolve(server.apiKeyOf(slug)) });
const issue = (slug: string, wish: CreateMountCredential = {}) =>
  tenant(slug).createMountCredential(wish);

describe.each([
  { name: 'the SDK of AWS', s3: awsSdk, there: true },
  { name: 'the aws CLI', s3: awsCli, there: available('aws') },
  { name: 'rclone', s3: realRcloneClient, there: true },
])('$name', ({ s3, there }) => {
  it.runIf(there)(
    'reaches its bucket and no other, while an administrator reaches all',
    async () => {
      const [acme, other] = [await issue('acme'), await issue('other')];
      const [mine, foreign] = [acme.bucket_name, other.bucket_name];
      await awsSdk.write(acme, mine, 'a.txt');
      await awsSdk.write(other, foreign, 'private.txt');
      expect(await s3.read(acme, mine, 'a.txt')).toBe(bodyOf('a.txt'));
      expect(
        await outcomes(
          () => s3.write(acme, mine, 'b.txt'),
          () => s3.read(acme, foreign, 'private.txt'),
          () => s3.write(acme, foreign, 'private.txt'),
          () => s3.list(acme, foreign),
          () => s3.buckets(acme),
        ),
      ).toEqual(['ok', ...Array.from({ length: 4 }, () => 'AccessDenied')]);
      const { accessKeyId, secretAccessKey } = await storageAdminOf(server);
      const admin: Key = { ...acme, access_key: accessKeyId, secret_key: secretAccessKey };
      expect(await s3.read(admin, foreign, 'private.txt')).toBe(bodyOf('private.txt'));
      expect(await outcome(s3.buckets(admin))).toBe('ok');
    },
  );

  it.runIf(there)(
    'gets nowhere with a key that was deleted, or never was, or is bent',
    async () => {
      const [gone, kept] = [await issue('acme'), await issue('acme')];
      await tenant('acme').revokeMountCredential(gone.id);
      const bucket = kept.bucket_name;
      expect(
        await outcomes(
          () => s3.list(gone, bucket),
          () => s3.list({ ...kept, access_key: 'tid_never' }, bucket),
          () => s3.list({ ...kept, secret_key: 'tsec_bent' }, bucket),
          () => s3.list(kept, bucket),
        ),
      ).toEqual(['InvalidAccessKeyId', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ok']);
    },
  );

  it.runIf(there)('with several keys of one tenant has with each what that one may', async () => {
    const notes = await issue('acme', { prefix: 'notes/' });
    const tasks = await issue('acme', { prefix: 'tasks/' });
    const reader = await issue('acme', { permission: 'ro' });
    const bucket = reader.bucket_name;
    expect(
      await outcomes(
        () => s3.write(notes, bucket, 'notes/a.txt'),
        () => s3.write(tasks, bucket, 'notes/a.txt'),
        () => s3.read(tasks, bucket, 'notes/a.txt'),
        () => s3.list(tasks, bucket, 'tasks/'),
        () => s3.list(tasks, bucket),
        () => s3.read(reader, bucket, 'notes/a.txt'),
        () => s3.write(reader, bucket, 'notes/a.txt'),
      ),
    ).toEqual(['ok', 'AccessDenied', 'AccessDenied', 'ok', 'AccessDenied', 'ok', 'AccessDenied']);
  });

  it.runIf(there)('stops with the end of a key, and while the tenant is denied', async () => {
    const [short, long] = [await issue('other', { expires_in: 60 }), await issue('other')];
    const bucket = short.bucket_name;
    const admin = createApiClient({
      server: server.url,
      token: () => Promise.resolve(server.adminToken),
    });
    expect(await outcome(s3.write(short, bucket, 'in-time.txt'))).toBe('ok');
    clock.advance(61_000);
    expect(await outcome(s3.write(short, bucket, 'late.txt'))).toBe('AccessDenied');
    await admin.setTenantPolicy('other', { policy: 'denied' });
    expect(await outcome(s3.list(long, bucket))).toBe('InvalidAccessKeyId');
    await admin.setTenantPolicy('other', { policy: 'allowed' });
    expect(await outcome(s3.list(long, bucket))).toBe('ok');
  });
});
