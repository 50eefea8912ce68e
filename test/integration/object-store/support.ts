import { S3Client } from '@aws-sdk/client-s3';
import { AwsClient } from 'aws4fetch';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  startObjectStore,
  type ObjectStore,
  type ObjectStoreOptions,
} from '../../../src/object-store/index.ts';

export const ADMIN = { accessKeyId: 'admin', secretAccessKey: 'admin-secret+/=' };

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface TestStore {
  store: ObjectStore;
  folder: string;
  s3: S3Client;
  /** The AWS SDK as somebody else. */
  s3As(keys: Keys): S3Client;
  /** A signed request without an SDK in between. */
  fetch(path: string, init?: RequestInit, keys?: Keys): Promise<Response>;
  /** An IAM action; resolves with status and parsed JSON. */
  iam(parameters: Record<string, string>, keys?: Keys): Promise<{ status: number; json: Json }>;
}

/** JSON whose shape a test asserts by using it. */
export interface Json {
  [name: string]: Json;
}

/** The text at a path of names. */
export function textAt(json: Json, ...path: string[]): string {
  const found: unknown = path.reduce<Json | undefined>((value, name) => value?.[name], json);
  if (typeof found !== 'string') throw new Error(`no text at ${path.join('.')}`);
  return found;
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'object-store-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** A store on a temporary folder, gone when the test ends. */
export async function openStore(options: Partial<ObjectStoreOptions> = {}): Promise<TestStore> {
  const folder = options.folder ?? (await temporaryFolder());
  const store = await startObjectStore({ ...options, folder, admin: ADMIN });
  onTestFinished(() => store.close());
  return connect(store, folder);
}

export function connect(store: ObjectStore, folder: string): TestStore {
  const clients = new Set<S3Client>();
  onTestFinished(() => clients.forEach((client) => client.destroy()));
  const s3As = (credentials: Keys): S3Client => {
    const client = new S3Client({
      endpoint: store.url,
      region: 'auto',
      forcePathStyle: true,
      credentials,
      maxAttempts: 1,
    });
    clients.add(client);
    return client;
  };
  const signed = (keys: Keys, service: string) =>
    new AwsClient({ ...keys, service, region: 'auto', retries: 0 });
  return {
    store,
    folder,
    s3: s3As(ADMIN),
    s3As,
    fetch: (path, init = {}, keys = ADMIN) => signed(keys, 's3').fetch(store.url + path, init),
    iam: async (parameters, keys = ADMIN) => {
      const response = await signed(keys, 'iam').fetch(`${store.url}/`, {
        method: 'POST',
        headers: {
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({ Version: '2010-05-08', ...parameters }).toString(),
      });
      return { status: response.status, json: (await response.json()) as Json };
    },
  };
}

/** A key with one policy: what issuing a tenant's credential does. */
export async function createKey(
  { iam }: TestStore,
  statements: unknown[],
  name = 'test-policy',
): Promise<Keys & { policyArn: string }> {
  const created = await iam({ Action: 'CreateAccessKey', UserName: `label of ${name}` });
  const policy = await iam({
    Action: 'CreatePolicy',
    PolicyName: name,
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
  });
  const policyArn = textAt(policy.json, 'CreatePolicyResult', 'Policy', 'Arn');
  const accessKeyId = textAt(created.json, 'CreateAccessKeyResult', 'AccessKey', 'AccessKeyId');
  await iam({ Action: 'AttachUserPolicy', UserName: accessKeyId, PolicyArn: policyArn });
  return {
    accessKeyId,
    secretAccessKey: textAt(created.json, 'CreateAccessKeyResult', 'AccessKey', 'SecretAccessKey'),
    policyArn,
  };
}

/** What SPEC-8's four actions and rclone's multipart uploads need, on one bucket. */
export function tenantStatements(bucket: string): unknown[] {
  return [
    {
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:ListBucketMultipartUploads'],
      Resource: `arn:aws:s3:::${bucket}`,
    },
    {
      Effect: 'Allow',
      Action: [
        's3:GetObject',
        's3:PutObject',
        's3:DeleteObject',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
      ],
      Resource: `arn:aws:s3:::${bucket}/*`,
    },
    { Effect: 'Deny', Action: ['s3:CreateBucket', 's3:ListAllMyBuckets'], Resource: '*' },
  ];
}

/** The name or code of the error that a call ends with. */
export async function errorOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    return (error as Error).name;
  }
}
