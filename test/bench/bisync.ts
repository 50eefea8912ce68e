/**
 * `cloud bisync`, the built binary, beside plain `rclone bisync` with SPEC-8's command line and beside
 * the bare `rclone bisync --dry-run` that a full scan of ours consists of: times and requests, in one run,
 * interleaved, medians. Prints Markdown. BENCH_FILES (`100,1000,10000`), BENCH_LATENCIES in
 * milliseconds (`0,40`), BENCH_ROUNDS (3).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createApiClient } from '../../src/api/client.ts';
import { SETTLED_MS } from '../../src/bisync/stat-record.ts';
import { realRclone } from '../support/rclone.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const list = (name: string, fallback: string): number[] =>
  (process.env[name] ?? fallback).split(',').map(Number);
const SIZES = list('BENCH_FILES', '100,1000,10000');
const LATENCIES = list('BENCH_LATENCIES', '0,40');
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? '3');
const CLOUD = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

interface Measured {
  ms: number;
  requests: Record<string, number>;
}

/** One way to sync a folder with a bucket of its own. */
interface Contestant {
  name: string;
  folder: string;
  first?: () => Promise<void>;
  sync: () => Promise<void>;
}

interface Product extends Contestant {
  syncWith: (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<void>;
}

async function run(
  command: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; input?: string },
): Promise<void> {
  const child = spawn(command, args, { env: options.env, stdio: ['pipe', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => output.push(chunk));
  }
  child.stdin.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return;
  const text = Buffer.concat(output).toString().slice(-2000);
  throw new Error(`${command} ${args.slice(0, 2).join(' ')} ended with ${code}: ${text}`);
}

const pathOf = (index: number): string =>
  `folder-${Math.floor(index / 50)}/note-${String(index).padStart(5, '0')}.md`;

async function fill(folder: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const path = join(folder, pathOf(index));
    if (index % 50 === 0) await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `note ${index}\n`.padEnd(1000, 'x'));
  }
}

let edits = 0;
async function change(folder: string, count: number, of: number): Promise<void> {
  for (let each = 0; each < count; each += 1) {
    edits += 1;
    const path = pathOf(Math.floor((each * of) / count));
    await writeFile(join(folder, path), `edit ${edits}\n`.padEnd(1000, 'y'));
  }
}

/** The product, set up on an empty folder. */
async function product(server: TestServer, home: string, rclone: string): Promise<Product> {
  const folder = join(home, 'notes');
  const env = {
    ...{ PATH: process.env['PATH'], HOME: home, CLOUD_HOME: join(home, 'cloud'), LANG: 'C.UTF-8' },
    ...{ CLOUD_INSECURE_STORAGE: '1', CLOUD_RCLONE: rclone },
  };
  await mkdir(folder);
  const setUp = ['setup', '--server', server.url, '--mode', 'bisync', '--path', folder];
  await run(process.execPath, [CLOUD, ...setUp, '--token-stdin', '--yes'], {
    ...{ env, input: server.apiKeyOf('ours') },
  });
  const syncWith = (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<void> =>
    run(process.execPath, [CLOUD, 'bisync', ...args], { env: { ...env, ...more } });
  const sync = (): Promise<void> => syncWith([]);
  return { name: 'cloud bisync', folder, sync, first: sync, syncWith };
}

/** Plain rclone as SPEC-8 calls it, profile balanced. */
async function specified(server: TestServer, home: string, rclone: string): Promise<Contestant> {
  const folder = join(home, 'notes');
  await mkdir(folder, { recursive: true });
  const key = server.apiKeyOf('theirs');
  const api = createApiClient({ server: server.url, token: () => Promise.resolve(key) });
  const keys = await api.createMountCredential({});
  const config = join(home, 'rclone.conf');
  const section = ['[theirs]', 'type = s3', 'provider = Other', 'env_auth = true', 'region = auto'];
  await writeFile(config, [...section, `endpoint = ${keys.endpoint_url}`, ''].join('\n'));
  const filters = join(home, 'bisync-filters.txt');
  const names = ['.DS_Store', '.git/**', '__pycache__/**', '*.pyc', '.pytest_cache/**'];
  const more = ['node_modules/**', '.conflict-*', 'Thumbs.db', 'desktop.ini'];
  await writeFile(filters, [...names, ...more].map((name) => `- ${name}\n`).join(''));
  const env = {
    ...{ PATH: process.env['PATH'], HOME: home },
    ...{ AWS_ACCESS_KEY_ID: keys.access_key, AWS_SECRET_ACCESS_KEY: keys.secret_key },
  };
  const remote = `theirs:${keys.bucket_name}`;
  const argv = [
    ...['bisync', folder, remote, '--create-empty-src-dirs', '--resilient'],
    ...['--conflict-resolve=newer', '--max-delete=25', '--filters-file', filters, '--check-access'],
    ...['--config', config, '--workdir', join(home, 'work')],
  ];
  const first = async (): Promise<void> => {
    await run(rclone, [...argv, '--resync'], { env });
  };
  // The check file must be on both sides before anything else.
  await writeFile(join(folder, 'RCLONE_TEST'), '');
  await run(rclone, ['copy', folder, remote, '--config', config], { env });
  return { name: 'SPEC-8', folder, first, sync: () => run(rclone, argv, { env }) };
}

/** The very command line, environment and state folder that our scan gives to rclone, again. */
async function bare(ours: Product, home: string, rclone: string): Promise<Contestant> {
  const [seed, argvFile] = [join(home, 'seed'), join(home, 'argv')];
  const wrapper = join(home, 'rclone-recorder');
  const script = [
    '#!/bin/sh',
    `case " $* " in *' --dry-run '*--workdir*)`,
    `  printf '%s\\0' "$@" > '${argvFile}'; env -0 > '${argvFile}.env'`,
    `  while [ $# -gt 1 ]; do [ "$1" = --workdir ] && cp -r "$2" '${seed}'; set -- "$@" "$1"; shift`,
    `    [ "$1" = bisync ] && break; done;;`,
    'esac',
    `exec '${rclone}' "$@"`,
  ];
  await writeFile(wrapper, `${script.join('\n')}\n`);
  await chmod(wrapper, 0o755);
  await ours.syncWith(['--full'], { CLOUD_RCLONE: wrapper });
  const argv = (await readFile(argvFile, 'utf8')).split('\0').slice(0, -1);
  const pairs = (await readFile(`${argvFile}.env`, 'utf8')).split('\0').slice(0, -1);
  const env = Object.fromEntries(
    pairs.map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
  const before = argv[argv.indexOf('--workdir') + 1] ?? '';
  let count = 0;
  return {
    name: 'bare dry run',
    folder: ours.folder,
    sync: async () => {
      const work = join(home, `work-${(count += 1)}`);
      await cp(seed, work, { recursive: true });
      await measureOnly(() =>
        run(
          rclone,
          argv.map((word) => word.replace(before, work)),
          { env },
        ),
      );
    },
  };
}

/** What comes before it inside `sync` is no part of the time. */
let startedAt = 0;
async function measureOnly(act: () => Promise<void>): Promise<void> {
  startedAt = performance.now();
  await act();
}

async function measure(server: TestServer, act: () => Promise<void>): Promise<Measured> {
  const { requests } = server.objectStore;
  requests.reset();
  await measureOnly(act);
  const ms = performance.now() - startedAt;
  const counts = Object.entries(requests.counts());
  return { ms, requests: Object.fromEntries(counts.map(([name, each]) => [name, each.requests])) };
}

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const seconds = (ms: number): string => (ms / 1000).toFixed(ms < 10_000 ? 2 : 1);
const total = ({ requests }: Measured): number =>
  Object.values(requests).reduce((sum, count) => sum + count, 0);

function cell(runs: readonly Measured[]): string {
  if (runs.length === 0) return '–';
  const middle = runs.toSorted((a, b) => total(a) - total(b))[runs.length >> 1]!;
  const kinds = Object.entries(middle.requests)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name.replace(/Objects?V?2?$/, '')}`);
  return `${seconds(median(runs.map(({ ms }) => ms)))} s, ${total(middle)} (${kinds.join(', ')})`;
}

async function compare(latencyMs: number, count: number): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'cloud-bench-'));
  const server = await startTestServer({ tenants: ['ours', 'theirs'] });
  const rclone = (await realRclone()).path;
  try {
    const homes = ['ours', 'theirs', 'bare'].map((name) => join(work, name));
    for (const home of homes) await mkdir(home);
    const [oursHome = '', theirsHome = '', bareHome = ''] = homes;
    const ours = await product(server, oursHome, rclone);
    const theirs = await specified(server, theirsHome, rclone);
    for (const { folder } of [ours, theirs]) await fill(folder, count);
    const filledAt = Date.now();
    const { faults } = server.objectStore;
    const row = (name: string, runs: readonly Measured[][]): void => {
      const cells = [ours, theirs].map((_, index) => cell(runs[index] ?? []));
      const [a, b, c = []] = runs.map((each) => each.map(({ ms }) => ms));
      const [mine, other] = [median(a ?? []), median(b ?? [])];
      const requests = (index: number): number => median((runs[index] ?? []).map(total));
      const ratio = `${(other / mine).toFixed(1)} ×, ${(requests(1) / requests(0)).toFixed(0)} ×`;
      const over =
        c.length === 0 ? '–' : `${seconds(median(c))} s, + ${(mine - median(c)).toFixed(0)} ms`;
      const parts = [`${latencyMs} ms`, count.toLocaleString('en-US'), name, ...cells, ratio, over];
      process.stdout.write(`| ${parts.join(' | ')} |\n`);
    };
    faults.set({ latencyMs });
    const first: Measured[][] = [];
    for (const each of [ours, theirs]) first.push([await measure(server, each.first ?? each.sync)]);
    row('first sync', first);
    faults.set({ latencyMs: 0 });
    // Files that have just changed are read once more; nobody's folder changes as a whole each minute.
    await delay(Math.max(0, filledAt + SETTLED_MS + 1000 - Date.now()));
    // The first run after it writes what later ones only read.
    for (const each of [ours, theirs]) await each.sync();
    const contestants = [ours, theirs, await bare(ours, bareHome, rclone)];
    faults.set({ latencyMs });
    for (const [name, changed] of [
      ['no change', 0],
      ['one change', 1],
      ['1 % changed', Math.ceil(count / 100)],
    ] as const) {
      const runs = contestants.map((): Measured[] => []);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const { folder } of [ours, theirs]) await change(folder, changed, count);
        for (const [index, { name: who, sync }] of contestants.entries()) {
          // The bare dry run sees what our sync has seen only where nothing changes.
          if (who === 'bare dry run' && changed > 0) continue;
          runs[index]?.push(await measure(server, sync));
        }
      }
      row(name, runs);
    }
    faults.clear();
  } finally {
    await server.close();
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

const load = (): string => loadavg()[0]?.toFixed(1) ?? '';
const cores = cpus();
process.stdout.write(
  `${cores.length} × ${cores[0]?.model ?? ''}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}, ` +
    `rclone ${(await realRclone()).version}, load ${load()}, ${ROUNDS} rounds, medians\n\n` +
    '| latency | files | case | `cloud bisync`: time, requests | SPEC-8: time, requests | faster, fewer | bare dry run, overhead |\n' +
    '|---|---:|---|---|---|---|---|\n',
);
for (const latencyMs of LATENCIES) for (const count of SIZES) await compare(latencyMs, count);
process.stdout.write(`\nload at the end ${load()}\n`);
