import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AwsClient } from 'aws4fetch';
import { XMLParser } from 'fast-xml-parser';
import type { BisyncOptions } from '../../src/bisync/options.ts';
import type { BisyncResult } from '../../src/bisync/result.ts';
import type { BisyncEvent } from '../../src/bisync/run-context.ts';
import { runBisync, type BisyncDeps } from '../../src/bisync/run.ts';
import { startObjectStore, type ObjectStore } from '../../src/object-store/index.ts';
import { systemClock, type Clock } from '../../src/platform/clock.ts';
import type { Host } from '../../src/platform/host.ts';
import { resolvePlaces } from '../../src/platform/places.ts';
import type { Rclone } from '../../src/rclone/rclone.ts';
import type { BucketAccess } from '../../src/session/bucket-access.ts';
import { encodeSegment } from '../../src/s3/request.ts';
import type { FileOperation } from './file-barrier.ts';
import { realRclone } from './rclone.ts';

const ADMIN = { accessKeyId: 'tid_admin', secretAccessKey: 'tsec_admin-secret-of-a-test' };

/** A real object store in this process with one bucket, and what a device needs to reach it. */
export interface TestBucket extends AsyncDisposable {
  store: ObjectStore;
  access: BucketAccess;
  /** Present objects without our own: key → content. */
  objects(): Promise<Map<string, string>>;
  put(key: string, content: string, headers?: Record<string, string>): Promise<void>;
  get(key: string): Promise<string | undefined>;
  remove(key: string): Promise<void>;
}

export async function startTestBucket(): Promise<TestBucket> {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-store-'));
  const store = await startObjectStore({ folder, admin: ADMIN });
  const bucket = 'notes-1f3a';
  const access: BucketAccess = {
    contextName: 'test',
    server: 'http://127.0.0.1:1',
    tenant: { id: '434252dd-d83b-4b20-bf70-8a950ff875c4', slug: 'acme' },
    ...{ bucket, endpoint: store.url, region: 'auto', ...ADMIN },
    ...{ credentialId: 'c', permission: 'rw', expiresAt: null },
  };
  const objects = objectsOf(access);
  await objects.create();
  return {
    ...{ store, access },
    ...objects,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A bucket as another client sees it. */
export function objectsOf(
  access: BucketAccess,
): Pick<TestBucket, 'objects' | 'put' | 'get' | 'remove'> & { create(): Promise<void> } {
  const { accessKeyId, secretAccessKey, endpoint, bucket } = access;
  const keys = { accessKeyId, secretAccessKey };
  const client = new AwsClient({ ...keys, service: 's3', region: 'auto', retries: 0 });
  const send = async (path: string, init: RequestInit = {}): Promise<Response> =>
    client.fetch(`${endpoint}/${bucket}${path}`, init);
  const pathOf = (key: string): string => `/${key.split('/').map(encodeSegment).join('/')}`;
  const ok = async (answer: Promise<Response>): Promise<string> => {
    const text = await (await answer).text();
    if (!(await answer).ok) throw new Error(text);
    return text;
  };
  const get = async (key: string): Promise<string | undefined> => {
    const answer = await send(pathOf(key));
    const text = await answer.text();
    return answer.ok ? text : undefined;
  };
  return {
    create: async () => {
      await ok(send('', { method: 'PUT' }));
    },
    objects: async () => {
      const all = new Map<string, string>();
      for (const key of await listKeys(send)) {
        if (!key.startsWith('.cloud-')) all.set(key, (await get(key)) ?? '');
      }
      return all;
    },
    put: async (key, content, headers = {}) => {
      await ok(send(pathOf(key), { method: 'PUT', body: content, headers }));
    },
    get,
    remove: async (key) => {
      await ok(send(pathOf(key), { method: 'DELETE' }));
    },
  };
}

async function listKeys(send: (path: string) => Promise<Response>): Promise<string[]> {
  const parser = new XMLParser({ parseTagValue: false, trimValues: false });
  const keys: string[] = [];
  let after = '';
  for (;;) {
    const query = `?list-type=2&encoding-type=url&start-after=${encodeURIComponent(after)}`;
    const xml = parser.parse(await (await send(query)).text()) as {
      ListBucketResult: { Contents?: { Key: string } | { Key: string }[] };
    };
    const page = [xml.ListBucketResult.Contents ?? []].flat();
    keys.push(...page.map(({ Key }) => decodeURIComponent(Key.replaceAll('+', ' '))));
    if (page.length < 1000) return keys;
    after = keys.at(-1) ?? '';
  }
}

/** One machine with its own home and folder. */
export interface Device {
  root: string;
  host: Host;
  events: BisyncEvent[];
  /** Options that each sync of this device uses. */
  options(more?: Partial<BisyncOptions>): Promise<BisyncOptions>;
  sync(more?: Partial<BisyncOptions>, deps?: Partial<BisyncDeps>): Promise<BisyncResult>;
  /**
   * A sync in a process of its own; its events come as lines on stdout. `bound`: permission bits
   * bind it even where this is root, whom they do not bind otherwise. `killAt`: kill -9 before the
   * n-th step that changes files, or at the n-th of a kind in the folder or the trash. `hurried`: waits are short.
   */
  spawn(more?: Partial<BisyncOptions>, options?: SpawnOptions): Promise<ChildProcess>;
  write(path: string, content: string): Promise<void>;
  read(path: string): Promise<string | undefined>;
  remove(path: string): Promise<void>;
  /** Present files without our own: path → content. */
  files(): Promise<Map<string, string>>;
  /** Contents of everything that syncing moved into the trash. */
  trash(): Promise<string[]>;
  dispose(): Promise<void>;
}

export interface SpawnOptions {
  /** Take this run back instead of syncing. */
  undo?: string;
  bound?: boolean;
  killAt?: number | { operation: FileOperation; nth: number; when: 'before' | 'after' };
  hurried?: boolean;
}

export interface DeviceOptions {
  /** Instead of the storage itself, as a proxy before it. */
  endpoint?: string;
  clock?: Clock;
  rclone?: Rclone;
}

/** util-linux: runs a command as this user, but bound by permission bits (capabilities(7)). */
const WITHOUT_OVERRIDE = ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--'];

const CHILD = fileURLToPath(new URL('sync-child.ts', import.meta.url));

let rclone: Promise<Rclone> | undefined;

export async function openDevice(
  bucket: Pick<TestBucket, 'access'>,
  name: string,
  { endpoint = bucket.access.endpoint, clock = systemClock, rclone: own }: DeviceOptions = {},
): Promise<Device> {
  const home = await mkdtemp(join(tmpdir(), `cloud-${name}-`));
  const root = join(home, 'folder');
  await mkdir(root);
  const env = { PATH: process.env['PATH'], HOME: home, CLOUD_HOME: join(home, 'cloud') };
  const places = resolvePlaces(env, process.platform, home);
  const host: Host = { env, platform: process.platform, places, clock };
  const events: BisyncEvent[] = [];
  const options = async (more: Partial<BisyncOptions> = {}): Promise<BisyncOptions> => ({
    access: { ...bucket.access, endpoint },
    rclone: own ?? (await (rclone ??= realRclone())),
    localRoot: root,
    profile: 'balanced',
    ...more,
  });
  return {
    ...{ root, host, events, options },
    sync: async (more = {}, deps = {}) =>
      runBisync(await options(more), host, (event) => events.push(event), deps),
    spawn: async (more = {}, { bound = false, ...how } = {}) => {
      const node = [process.execPath, '--disable-warning=ExperimentalWarning', CHILD];
      const [command = '', ...args] =
        bound && process.getuid?.() === 0 ? [...WITHOUT_OVERRIDE, ...node] : node;
      const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const task = { options: await options(more), env, home, ...how };
      child.stdin.end(JSON.stringify(task));
      return child;
    },
    write: async (path, content) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    },
    read: (path) => readFile(join(root, path), 'utf8').catch(() => undefined),
    remove: (path) => rm(join(root, path)),
    files: async () => new Map((await readTree(root)).filter(([path]) => !isOwn(path))),
    trash: async () => {
      const own = (await readTree(root)).filter(([path]) => path.includes('.cloud-trash/'));
      return [...(await readTree(join(places.data, 'trash'))), ...own].map(([, text]) => text);
    },
    dispose: () => rm(home, { recursive: true, force: true, maxRetries: 3 }),
  };
}

function isOwn(path: string): boolean {
  return path.split('/').some((name) => name.startsWith('.cloud-'));
}

async function readTree(root: string): Promise<[string, string][]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry): Promise<[string, string]> => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(root.length + 1), await readFile(path, 'utf8')];
      }),
  );
}
