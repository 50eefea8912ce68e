import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { startObjectStore } from '../../src/object-store/index.ts';
import { openDatabase } from '../../src/server/db/open-database.ts';
import type { ServerSettings } from '../../src/server/settings.ts';
import { startPostgres } from '../support/running-postgres.ts';
import { fanOut } from './server/fan-out.ts';
import { fullLoad, steadyLoad, type Load, type Request } from './server/http-load.ts';
import { seedTenants } from './server/seed.ts';

/**
 * npm run bench:server [-- --seconds 5 --tenants 10,1000,100000 --soak 10]
 *
 * The built server as a process on core 0, on SQLite and on PostgreSQL (durable), beside a bare route
 * that only verifies the same token; clients, storage and PostgreSQL are bound to no core. `--soak`:
 * so many minutes of mixed load on each, to see whether memory grows; without it there is none.
 */
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    tenants: { type: 'string', default: '10,1000,100000' },
    clients: { type: 'string', default: '1000' },
    soak: { type: 'string', default: '0' },
  },
});
const SECONDS = Number(options.seconds);
const CONNECTIONS = 32;
const KEY = randomBytes(32).toString('hex');
const ADMIN = { accessKeyId: 'tid_bench', secretAccessKey: 'tsec_bench' };
const PASSWORD = 'correct horse battery staple';
const CREDENTIALS = '/tenant/mount/credentials';

interface Running {
  url: URL;
  child: ChildProcess;
  stop(): Promise<void>;
}

async function startOnCore0(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Running> {
  const child = spawn('taskset', ['-c', '0', process.execPath, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    url: new URL((JSON.parse(line) as { url: string }).url),
    child,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function call(server: URL, token: string, path: string, json?: unknown, method = 'POST') {
  const response = await fetch(new URL(path, server), {
    method: json === undefined ? 'GET' : method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const body = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(body)}`);
  return body;
}

/** A tenant with a member who is signed in on a device, as those who ask most are, and has five keys. */
async function addMember(server: URL, admin: string): Promise<void> {
  const limits = { mount_credentials: 100_000, mount_credentials_per_user: 100_000 };
  await call(server, admin, '/api/v1/admin/tenants', { slug: 'bench', name: 'Bench' });
  await call(server, admin, '/api/v1/admin/tenants/bench', { limits }, 'PATCH');
  await call(server, admin, '/api/v1/admin/users', { username: 'ada', password: PASSWORD });
  const member = { user: 'ada', role: 'editor' };
  await call(server, admin, '/api/v1/admin/tenants/bench/members', member);
  const token = await signIn(server);
  for (let index = 0; index < 5; index += 1) await call(server, token, CREDENTIALS, {});
}

async function signIn(server: URL): Promise<string> {
  const login = { username: 'ada', password: PASSWORD, tenant: 'bench' };
  const { access_token: token } = await call(server, '', '/api/v1/auth/login', login);
  return String(token);
}

const rows: string[] = [];
function note(database: string, tenants: string, what: string, load: Load, more = ''): void {
  const { perSecond, p50, p99 } = load;
  rows.push(
    `| ${database} | ${tenants} | ${what} | ${perSecond.toFixed(0)} | ${p50.toFixed(2)} | ${p99.toFixed(2)} | ${more} |`,
  );
  console.error(rows.at(-1));
}

async function memoryOf({ child }: Running): Promise<number> {
  const text = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1] ?? 0) / 1024;
}

/** Milliseconds of its processor, of which it has one. */
async function busyOf({ child }: Running): Promise<number> {
  const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ').at(-1)?.split(' ');
  // `utime` and `stime` in hundredths of a second: proc_pid_stat(5).
  return (Number(fields?.[11]) + Number(fields?.[12])) * 10;
}

/** How much of its processor the server takes meanwhile: what is left, others did not leave or ask for. */
async function watched(server: Running, load: () => Promise<Load>): Promise<[Load, string]> {
  const [began, before] = [performance.now(), await busyOf(server)];
  const done = await load();
  const share = ((await busyOf(server)) - before) / (performance.now() - began);
  return [done, `${(share * 100).toFixed(0)} % of its core`];
}

const get = (path: string, token: string): Request => ({ method: 'GET', path, token });

async function benchBare(server: URL, token: string): Promise<number> {
  const jwks = await (await fetch(new URL('/.well-known/jwks.json', server))).text();
  const issuer = server.href.replace(/\/$/, '');
  const bare = await startOnCore0(['test/bench/server/bare.ts', jwks, issuer], {});
  const ask = (): Request => get('/tenant/mount/info', token);
  await fullLoad(bare.url, CONNECTIONS, 2, ask);
  const load = await fullLoad(bare.url, CONNECTIONS, SECONDS, ask);
  note('–', '–', 'bare route', load);
  await bare.stop();
  return load.perSecond;
}

async function benchReads(name: string, count: string, server: Running, bare: number) {
  const token = await signIn(server.url);
  const info = (): Request => get('/tenant/mount/info', token);
  await fullLoad(server.url, CONNECTIONS, 2, info);
  const [full, busy] = await watched(server, () =>
    fullLoad(server.url, CONNECTIONS, SECONDS, info),
  );
  note(name, count, 'mount info', full, `${(full.perSecond / bare).toFixed(2)} × bare, ${busy}`);
  const rate = full.perSecond / 2;
  const half = await watched(server, () => steadyLoad(server.url, rate, SECONDS, info));
  note(name, count, 'mount info, half load', ...half);
  const list = (): Request => get(CREDENTIALS, token);
  const listed = await watched(server, () => fullLoad(server.url, CONNECTIONS, SECONDS, list));
  note(name, count, 'credential list', ...listed);
}

async function benchIssuing(name: string, count: string, server: Running): Promise<void> {
  const token = await signIn(server.url);
  const issue = (): Request => ({ method: 'POST', path: CREDENTIALS, token, body: '{}' });
  const revoke = (body: string): Request => {
    const { id } = JSON.parse(body) as { id: string };
    return { method: 'DELETE', path: `${CREDENTIALS}/${id}`, token };
  };
  const load = await fullLoad(server.url, 8, SECONDS, issue, revoke);
  note(name, count, 'issuance (each revoked again)', load);
}

async function soak(name: string, server: Running, minutes: number): Promise<void> {
  const samples: number[] = [];
  const end = Date.now() + minutes * 60_000;
  while (Date.now() < end) {
    const token = await signIn(server.url);
    await steadyLoad(server.url, 500, 20, () => get('/tenant/mount/info', token));
    await fanOut(server.url, token, 100);
    samples.push(await memoryOf(server));
  }
  const third = Math.ceil(samples.length / 3);
  const mean = (part: number[]): number => part.reduce((sum, each) => sum + each, 0) / part.length;
  const [early, late] = [mean(samples.slice(third, 2 * third)), mean(samples.slice(2 * third))];
  console.log(
    `${name}: memory over ${minutes} min of load: ${samples.map((each) => each.toFixed(0)).join(', ')} MB; ` +
      `the last third beside the middle one ${(((late - early) / early) * 100).toFixed(1)} %`,
  );
}

async function benchDatabase(name: 'SQLite' | 'PostgreSQL', url: string | undefined, s3: string) {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-bench-server-'));
  const env = {
    CLOUD_HOME: folder,
    CLOUD_SERVER_DATA: join(folder, 'server'),
    CLOUD_SERVER_KEY: KEY,
    CLOUD_SERVER_LOG_LEVEL: 'error',
    // One credential asks for all: what is measured is the way of a request, not its limit.
    CLOUD_SERVER_REQUESTS_A_MINUTE: '9999999',
    CLOUD_SERVER_STORAGE_S3_ENDPOINT: s3,
    CLOUD_SERVER_STORAGE_IAM_ENDPOINT: s3,
    CLOUD_SERVER_STORAGE_ACCESS_KEY_ID: ADMIN.accessKeyId,
    CLOUD_SERVER_STORAGE_SECRET_ACCESS_KEY: ADMIN.secretAccessKey,
    ...(url === undefined ? {} : { DATABASE_URL: url }),
  };
  const database: ServerSettings['database'] =
    url === undefined ? { kind: 'sqlite' } : { kind: 'postgres', url, name, poolSize: 2 };
  const start = () => startOnCore0(['bin/run.js', 'server', 'start', '--json', '--port', '0'], env);
  let server = await start();
  try {
    const file = join(folder, 'server', 'admin-token');
    await addMember(server.url, (await readFile(file, 'utf8')).trim());
    const bare = await benchBare(server.url, await signIn(server.url));
    for (const count of options.tenants.split(',')) {
      await server.stop();
      const { db } = await openDatabase({ database, dataFolder: join(folder, 'server') });
      await seedTenants(db, Number(count));
      await db.destroy();
      server = await start();
      await benchReads(name, count, server, bare);
      await benchIssuing(name, count, server);
      const memory = await memoryOf(server);
      const fan = await fanOut(server.url, await signIn(server.url), Number(options.clients));
      const grown = `${memory.toFixed(0)} MB, with ${options.clients} clients ${(await memoryOf(server)).toFixed(0)} MB`;
      note(name, count, `an event to ${options.clients} clients`, fan, grown);
    }
    if (Number(options.soak) > 0) await soak(name, server, Number(options.soak));
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

console.error(`Node ${process.version}, load ${loadavg()[0]?.toFixed(1)} at the start`);
const storage = await mkdtemp(join(tmpdir(), 'cloud-bench-storage-'));
const store = await startObjectStore({ folder: storage, admin: ADMIN });
await benchDatabase('SQLite', undefined, store.url);
{
  await using postgres = await startPostgres({ durable: true });
  await benchDatabase('PostgreSQL', postgres.url, store.url);
}
await store.close();
await rm(storage, { recursive: true, force: true });
console.log(
  '| database | tenants | what | per second | p50 ms | p99 ms | |\n|---|---:|---|---:|---:|---:|---|',
);
console.log(rows.join('\n'));
process.exit(0);
