import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '../../../src/api/client.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import type { Host } from '../../../src/platform/host.ts';
import { resolvePlaces } from '../../../src/platform/places.ts';
import { ensureBucketKey } from '../../../src/session/bucket-key.ts';
import { openSession } from '../../../src/session/open.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import { signIn } from '../../../src/session/sign-in.ts';
import { realRclone, rememberRealRclone } from '../../support/rclone.ts';
import type { ServerRequest, ServerStarted } from './serve.ts';

/** A server with storage, and people who are set up to mount; all in one folder that goes. */
export interface Lab {
  root: string;
  rclone: string;
  users: Map<string, LabUser>;
  /** Milliseconds before the storage looks at a request. */
  latency(ms: number): Promise<void>;
  /** Requests that the storage has answered so far, by operation. */
  requests(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** Somebody with a bucket of their own. */
export interface LabUser {
  slug: string;
  host: Host;
  env: NodeJS.ProcessEnv;
  /** For an rclone of one's own. */
  keys: S3Access;
}

export interface S3Access {
  bucket: string;
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export async function openLab(slugs: readonly string[], folder: string = tmpdir()): Promise<Lab> {
  const root = await mkdtemp(join(folder, 'cloud-bench-mount-'));
  const child = fork(join(import.meta.dirname, 'serve.ts'), slugs);
  const [started] = (await once(child, 'message')) as [ServerStarted];
  const rclone = await realRclone();
  const users = new Map<string, LabUser>();
  for (const slug of slugs) {
    users.set(slug, await openUser(join(root, slug), started.url, slug, started.keys[slug] ?? ''));
  }
  return {
    ...{ root, users, rclone: rclone.path },
    latency: async (ms) => {
      await ask(child, { ask: 'latency', ms });
    },
    requests: async () => {
      const counts = (await ask(child, { ask: 'requests' })) as Record<
        string,
        { requests: number }
      >;
      return Object.fromEntries(
        Object.entries(counts).map(([name, each]) => [name, each.requests]),
      );
    },
    close: async () => {
      child.disconnect();
      await once(child, 'exit');
      await rm(root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function ask(child: ChildProcess, request: ServerRequest): Promise<unknown> {
  const answer = once(child, 'message');
  child.send(request);
  return ((await answer) as [unknown])[0];
}

async function openUser(
  root: string,
  server: string,
  slug: string,
  apiKey: string,
): Promise<LabUser> {
  const home = join(root, 'home');
  await mkdir(home, { recursive: true });
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: home,
    CLOUD_HOME: join(root, 'cloud'),
    CLOUD_INSECURE_STORAGE: '1',
    CLOUD_RCLONE: (await realRclone()).path,
    LANG: 'C.UTF-8',
  };
  const places = resolvePlaces(env, process.platform, home);
  const host: Host = { env, platform: process.platform, places, clock: systemClock };
  await rememberRealRclone(host);
  const secrets = openSecretStore(host);
  await signIn({ server, apiKey, store: true }, host, secrets);
  await ensureBucketKey(await openSession(host, {}, { secrets }), host);
  const api = createApiClient({ server, token: () => Promise.resolve(apiKey) });
  const key = await api.createMountCredential({ description: 'plain rclone' });
  return {
    ...{ slug, host, env },
    keys: {
      bucket: key.bucket_name,
      endpoint: key.endpoint_url,
      region: key.region,
      accessKeyId: key.access_key,
      secretAccessKey: key.secret_key,
    },
  };
}
