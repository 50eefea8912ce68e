import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
  type S3Client,
} from '@aws-sdk/client-s3';
import { onTestFinished, test } from 'vitest';
import { createApiClient, type ApiClient } from '../../src/api/client.ts';
import { findMount, readMountTable } from '../../src/mount/mount-table.ts';
import { listRecords, type MountRecord } from '../../src/mount/record.ts';
import type { MountStatus } from '../../src/mount/status.ts';
import { isRunning, signalProcess, type ProcessIdentity } from '../../src/platform/processes.ts';
import { ensureBucketKey } from '../../src/session/bucket-key.ts';
import { openSession } from '../../src/session/open.ts';
import { openSecretStore } from '../../src/session/secret-store.ts';
import { signIn } from '../../src/session/sign-in.ts';
import { realRclone, rememberRealRclone } from './rclone.ts';
import { runCloud, type CloudRun } from './run-cloud.ts';
import { s3ClientFor } from './s3-client.ts';
import type { TestServer } from './server.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

const fuse = existsSync('/dev/fuse');
if (!fuse) process.stderr.write('Mount tests are skipped: this machine has no /dev/fuse.\n');

/** A test that mounts; skipped, saying why, where the kernel has no FUSE. */
export const mountTest = fuse ? test : test.skip;

/**
 * Somebody who is set up and may mount. The bucket is served by the test's own process: touch the
 * mounted folder with asynchronous calls only, and few at once, or both wait for each other.
 */
export interface MountUser extends Workspace {
  /** Where `mount` mounts. */
  folder: string;
  api: ApiClient;
  /** Runs `cloud` with these arguments. */
  cloud(...args: string[]): Promise<CloudRun>;
  /** `cloud mount --path folder`, and fails the test when it does. */
  mount(...args: string[]): Promise<MountRecord>;
  /** Runs `cloud … --json` and returns its document, or its last line. */
  json(...args: string[]): Promise<Record<string, unknown>>;
  /** The error that `cloud … --json` ended with. */
  error(...args: string[]): Promise<ReportedError>;
  status(): Promise<MountStatus>;
  record(): MountRecord;
  bucket: BucketView;
}

export interface ReportedError {
  code: string;
  message: string;
  exitCode: number;
  suggestions: string[];
  details: Record<string, unknown>;
}

/** The bucket as another client sees it, with a key of its own. */
export interface BucketView {
  names(): Promise<string[]>;
  /** By name the ETag without quotes, which is the MD5 of what was uploaded in one piece. */
  etags(): Promise<Map<string, string>>;
  text(name: string): Promise<string | undefined>;
  bytes(name: string): Promise<Buffer | undefined>;
  put(name: string, body: string | Buffer): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Signs a new user in for a tenant of the server. Whatever is mounted goes when the test ends. */
export async function openMountUser(server: TestServer, slug: string): Promise<MountUser> {
  const workspace = await openWorkspace();
  const { env, host, root } = workspace;
  onTestFinished(() => clearMounts(workspace));
  env['CLOUD_RCLONE'] = (await realRclone()).path;
  await rememberRealRclone(host);
  const secrets = openSecretStore(host);
  const apiKey = server.apiKeyOf(slug);
  await signIn({ server: server.url, apiKey, store: true }, host, secrets);
  await ensureBucketKey(await openSession(host, {}, { secrets }), host);
  const api = createApiClient({ server: server.url, token: () => Promise.resolve(apiKey) });
  const folder = join(root, 'home', 'bucket');
  const cloud = (...args: string[]): Promise<CloudRun> => runCloud(args, { env });
  const record = (): MountRecord => {
    const [only, ...more] = listRecords(host.places);
    if (only === undefined || more.length > 0) throw new Error('not exactly one mount');
    return only;
  };
  const user: MountUser = {
    ...workspace,
    ...{ folder, api, cloud, record },
    mount: async (...args) => {
      await succeeded(cloud('mount', '--path', folder, ...args));
      return record();
    },
    json: async (...args) => {
      const { stdout } = await succeeded(cloud(...args, '--json'));
      const last = stdout.trim().split('\n').at(-1) ?? '';
      return JSON.parse(last.startsWith('{') ? last : stdout) as Record<string, unknown>;
    },
    error: async (...args) => {
      const { stderr } = await cloud(...args, '--json');
      const line = stderr.trim().split('\n').at(-1) ?? '';
      return (JSON.parse(line) as { error: ReportedError }).error;
    },
    status: async () => {
      const { stdout } = await succeeded(cloud('mount-status', '--json'));
      const [only] = JSON.parse(stdout) as MountStatus[];
      if (only === undefined) throw new Error('no mount in the status');
      return only;
    },
    bucket: await bucketView(api),
  };
  return user;
}

async function succeeded(run: Promise<CloudRun>): Promise<CloudRun> {
  const ended = await run;
  if (ended.exitCode !== 0) throw new Error(`exit ${ended.exitCode}: ${ended.stderr}`);
  return ended;
}

async function bucketView(api: ApiClient): Promise<BucketView> {
  const key = await api.createMountCredential({ description: 'the test looks in' });
  const client = s3ClientFor(key);
  onTestFinished(() => client.destroy());
  const Bucket = key.bucket_name;
  const bytes = async (Key: string): Promise<Buffer | undefined> => {
    const object = await found(client.send(new GetObjectCommand({ Bucket, Key })));
    const body = await object?.Body?.transformToByteArray();
    return body === undefined ? undefined : Buffer.from(body);
  };
  return {
    names: async () => [...(await list(client, Bucket)).keys()].sort(),
    etags: () => list(client, Bucket),
    bytes,
    text: async (name) => (await bytes(name))?.toString('utf8'),
    put: async (Key, Body) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    remove: async (Key) => {
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
    },
  };
}

async function list(client: S3Client, Bucket: string): Promise<Map<string, string>> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
  return new Map(Contents.map(({ Key = '', ETag = '' }) => [Key, ETag.replaceAll('"', '')]));
}

async function found<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404)
      return undefined;
    throw error;
  });
}

/** Ends what the records name, by identity, and takes every mount below the workspace away. */
async function clearMounts({ host, root }: Workspace): Promise<void> {
  for (const { supervisor, rclone } of listRecords(host.places)) {
    for (const identity of [supervisor, rclone]) if (identity !== null) await kill(identity);
  }
  for (const { path } of await readMountTable(host.platform)) {
    if (path.startsWith(`${root}/`)) execFileSync('fusermount3', ['-uz', path]);
  }
}

/** kill -9, and waits until it is gone. */
export async function kill(identity: ProcessIdentity): Promise<void> {
  signalProcess(identity, 'SIGCONT');
  signalProcess(identity, 'SIGKILL');
  await until(() => !isRunning(identity));
}

/** Waits until a condition holds; the test's own time limit ends it when it never does. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Whether the system has something mounted at this folder. */
export async function isMounted(path: string): Promise<boolean> {
  return findMount(await readMountTable(process.platform), path) !== undefined;
}
