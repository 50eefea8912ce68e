import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { startObjectStore, type ObjectStore } from '../../src/object-store/index.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { readEvents } from '../support/event-reader.ts';
import { identityClient } from '../support/identity.ts';
import { startPostgres, type RunningPostgres } from '../support/running-postgres.ts';
import { startServerProcess, type ServerProcess } from '../support/server-process.ts';
import { openWorkspace } from '../support/workspace.ts';

const ADMIN = { accessKeyId: 'tid_admin', secretAccessKey: 'tsec_admin' };
const TOKEN = randomBytes(32).toString('hex');

async function openStore(): Promise<ObjectStore> {
  const { root } = await openWorkspace();
  const store = await startObjectStore({
    folder: join(root, 'storage'),
    port: 0,
    admin: ADMIN,
    clock: systemClock,
  });
  onTestFinished(() => store.close());
  return store;
}

/** One more server process, on its own folder, beside others on the same database and storage. */
async function startBeside(
  postgres: RunningPostgres,
  store: ObjectStore,
  more: NodeJS.ProcessEnv = {},
): Promise<ServerProcess> {
  const { env } = await openWorkspace();
  return startServerProcess({
    ...env,
    DATABASE_URL: postgres.url,
    CLOUD_SERVER_DATABASE_POOL: '5',
    CLOUD_SERVER_KEY: '42'.repeat(32),
    CLOUD_SERVER_TOKEN: TOKEN,
    CLOUD_SERVER_LOG_LEVEL: 'warn',
    // Tokens of one server are accepted by the others: they are one address to the outside.
    CLOUD_SERVER_PUBLIC_URL: 'http://cloud.example',
    CLOUD_SERVER_STORAGE_S3_ENDPOINT: store.url,
    CLOUD_SERVER_STORAGE_IAM_ENDPOINT: store.url,
    CLOUD_SERVER_STORAGE_ACCESS_KEY_ID: ADMIN.accessKeyId,
    CLOUD_SERVER_STORAGE_SECRET_ACCESS_KEY: ADMIN.secretAccessKey,
    ...more,
  });
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** What a client behind a load balancer does: a server that is gone is not asked again. */
function loadOn(servers: () => readonly ServerProcess[], key: string) {
  const answers: Answer[] = [];
  const stop = new AbortController();
  const work = async (number: number): Promise<void> => {
    for (let turn = number; !stop.signal.aborted; turn += 1) {
      const among = servers();
      const { url } = among[turn % among.length]!;
      const issue = turn % 4 === 0;
      try {
        const response = await fetch(`${url}/tenant/mount/${issue ? 'credentials' : 'info'}`, {
          method: issue ? 'POST' : 'GET',
          headers: { authorization: `Bearer ${key}` },
          signal: AbortSignal.timeout(30_000),
        });
        answers.push({
          status: response.status,
          body: (await response.json()) as Record<string, unknown>,
        });
      } catch {
        // Killed under the request: whoever asked does not know, and asks again.
        await pause(20);
      }
    }
  };
  const workers = [0, 1, 2, 3].map(work);
  return {
    answers,
    stop: async () => {
      stop.abort();
      await Promise.all(workers);
    },
  };
}

async function ready(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`).catch(() => undefined);
  return response?.status === 200;
}

it('three servers on one database: two are killed, the database stops and comes back', async () => {
  await using postgres = await startPostgres();
  const store = await openStore();
  const all = await Promise.all([0, 1, 2].map(() => startBeside(postgres, store)));
  const [first, second, third] = all as [ServerProcess, ServerProcess, ServerProcess];
  const clients = all.map(({ url }) => identityClient({ url, adminToken: TOKEN }));
  const tenant = await clients[0]!.call('POST', '/api/v1/admin/tenants', TOKEN, {
    ...{ slug: 'acme', name: 'Acme', issue_api_key: true },
  });
  expect(tenant.status).toBe(201);
  const key = String(tenant.body['api_key']);
  const limits = { limits: { mount_credentials: 30 } };
  const limited = await clients[1]!.call('PATCH', '/api/v1/admin/tenants/acme', TOKEN, limits);
  expect(limited.status).toBe(200);

  // A watcher of the third server, which stays, hears what is said to the others, once and in order.
  const watcher = await readEvents(third.url, key);
  expect(await watcher.next()).toMatchObject({ type: 'hello' });
  const heard: string[] = [];
  const resyncs: unknown[] = [];
  void (async () => {
    for (let event = await watcher.next(); event !== undefined; event = await watcher.next()) {
      if (event.type === 'object-changed') heard.push(event.key);
      if (event.type === 'resync') resyncs.push(event);
    }
  })();
  const said: string[] = [];
  const say = async (server: ServerProcess): Promise<void> => {
    const name = `file-${said.length}`;
    const response = await fetch(`${server.url}/tenant/sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ changes: [{ key: name }] }),
    });
    expect(response.status).toBe(204);
    said.push(name);
  };

  const alive = new Set(all);
  const load = loadOn(() => [...alive], key);
  for (const server of all) await say(server);
  await expect.poll(() => load.answers.length, { timeout: 60_000 }).toBeGreaterThan(40);
  for (const server of [first, second]) {
    await server.end('SIGKILL');
    alive.delete(server);
  }
  await say(third);
  const beforeStop = load.answers.length;
  await expect
    .poll(() => load.answers.length, { timeout: 60_000 })
    .toBeGreaterThan(beforeStop + 20);

  await postgres.stop();
  await expect.poll(() => ready(third.url), { timeout: 60_000 }).toBe(false);
  const refused = await fetch(`${third.url}/tenant/mount/info`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ code: 'database-unavailable' });
  expect((await fetch(`${third.url}/healthz`)).status).toBe(200);
  await postgres.start();
  await expect.poll(() => ready(third.url), { timeout: 60_000 }).toBe(true);
  await say(third);
  const fresh = await startBeside(postgres, store);
  alive.add(fresh);
  await say(fresh);
  await expect.poll(() => heard.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(said.length);
  await load.stop();

  // Nothing was lost or told twice.
  expect(heard).toEqual(said);
  // Every answer is right, or says that it is not the time.
  const wrong = load.answers.filter(({ status, body }) => {
    if (status === 200) return body['bucket_name'] !== tenant.body['bucket_name'];
    if (status === 409) return body['code'] !== 'credential-limit';
    return status !== 201 && status !== 503;
  });
  expect(wrong).toEqual([]);
  // As many keys as the tenant may have, all different, and not one more.
  const issued = load.answers.filter(({ status }) => status === 201).map(({ body }) => body['id']);
  expect(new Set(issued).size).toBe(issued.length);
  const { body } = await clients[2]!.call('GET', '/tenant/mount/credentials', key);
  const inForce = (body['credentials'] as { id: string }[]).map(({ id }) => id);
  expect(inForce.length).toBeLessThanOrEqual(30);
  expect(inForce).toEqual(expect.arrayContaining(issued));
  expect(load.answers.some(({ status }) => status === 409)).toBe(true);
  expect(await third.end('SIGTERM')).toBe(0);
}, 300_000);

it('two servers count the requests and the sign-ins of one address together', async () => {
  await using postgres = await startPostgres();
  const store = await openStore();
  const more = { CLOUD_SERVER_REQUESTS_A_MINUTE: '300' };
  const [first, second] = await Promise.all([0, 1].map(() => startBeside(postgres, store, more)));
  const { status, body } = await identityClient({ url: first!.url, adminToken: TOKEN }).call(
    ...(['POST', '/api/v1/admin/tenants', TOKEN] as const),
    { slug: 'acme', name: 'Acme', issue_api_key: true },
  );
  expect(status).toBe(201);
  const ask = async ({ url }: ServerProcess): Promise<number> => {
    const headers = { authorization: `Bearer ${String(body['api_key'])}` };
    return (await fetch(`${url}/tenant/mount/info`, { headers })).status;
  };
  const all = await Promise.all(Array.from({ length: 290 }, () => ask(first!)));
  expect(new Set(all)).toEqual(new Set([200]));
  let passed = 0;
  while ((await ask(second!)) === 200) {
    passed += 1;
    await pause(50);
  }
  // Without a word from the first it would let through three hundred.
  expect(passed).toBeLessThan(150);

  const signIn = async ({ url }: ServerProcess): Promise<number> => {
    const response = await fetch(`${url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'nobody', password: 'wrong' }),
    });
    return response.status;
  };
  const tries: number[] = [];
  for (let turn = 0; turn < 12; turn += 1)
    tries.push(await signIn(turn % 2 === 0 ? first! : second!));
  expect(tries).toEqual([...Array<number>(10).fill(401), 429, 429]);
});
