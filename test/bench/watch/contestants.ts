import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createApiClient } from '../../../src/api/client.ts';
import type { TestServer } from '../../support/server.ts';

const CLOUD = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

/** Two of these share a bucket. */
export interface BenchDevice {
  folder: string;
  /** Begins to sync by itself. Resolves with the milliseconds until both sides agree. */
  start(): Promise<number>;
  /** Resident memory in bytes: now and at its highest, and processor seconds so far. */
  usage(): Promise<{ now: number; peak: number; cpu: number }>;
  /**
   * Has it compare everything, each file read, as it does once a day. Resolves with its memory while it
   * does and afterwards, in bytes, and the milliseconds that it takes; undefined for who does nothing else.
   */
  compareFully?(): Promise<{ peak: number; now: number; ms: number }>;
  stop(): Promise<void>;
}

export async function run(
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

/** The built binary, `cloud bisync --watch`, after one `cloud bisync`. */
export async function watching(
  server: TestServer,
  home: string,
  rclone: string,
): Promise<BenchDevice> {
  const folder = join(home, 'notes');
  const env = {
    ...{ PATH: process.env['PATH'], HOME: home, CLOUD_HOME: join(home, 'cloud'), LANG: 'C.UTF-8' },
    ...{ CLOUD_INSECURE_STORAGE: '1', CLOUD_RCLONE: rclone },
  };
  const setUp = ['setup', '--server', server.url, '--mode', 'bisync', '--path', folder];
  await run(process.execPath, [CLOUD, ...setUp, '--token-stdin', '--yes'], {
    ...{ env, input: server.apiKeyOf('ours') },
  });
  await run(process.execPath, [CLOUD, 'bisync'], { env });
  let child: ChildProcess | undefined;
  return {
    folder,
    start: async () => {
      const began = performance.now();
      const started = spawn(process.execPath, [CLOUD, 'bisync', '--watch', '--json'], {
        ...{ env, stdio: ['ignore', 'pipe', 'inherit'] },
      });
      child = started;
      const lines = createInterface(started.stdout);
      await new Promise<void>((resolve, reject) => {
        lines.on('line', (line) => {
          const event = JSON.parse(line) as { type: string; state?: string };
          if (event.type === 'state' && event.state === 'idle') resolve();
        });
        started.once('exit', (code) => reject(new Error(`the watcher ended with ${code}`)));
      });
      return performance.now() - began;
    },
    usage: () => usageOf(child?.pid ?? 0),
    compareFully: async () => {
      const pid = child?.pid ?? 0;
      const pairs = join(home, 'cloud', 'state', 'pairs');
      const [pair = ''] = await readdir(pairs);
      // What a day does to it.
      await rm(join(pairs, pair, 'stat-record'));
      // proc(5): the highest so far begins anew.
      await writeFile(`/proc/${pid}/clear_refs`, '5');
      const began = performance.now();
      await run(process.execPath, [CLOUD, 'flush'], { env });
      const ms = performance.now() - began;
      const { now, peak } = await usageOf(pid);
      return { now, peak, ms };
    },
    stop: async () => {
      if (child === undefined || child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

const LOOP_MS = 60_000;

/** SPEC-8's loop: `rclone bisync` with its command line, and a pause of a minute. */
export async function looping(
  server: TestServer,
  home: string,
  rclone: string,
  { first }: { first: boolean },
): Promise<BenchDevice> {
  const folder = join(home, 'notes');
  const key = server.apiKeyOf('theirs');
  const api = createApiClient({ server: server.url, token: () => Promise.resolve(key) });
  const keys = await api.createMountCredential({});
  const config = join(home, 'rclone.conf');
  // Keys of one bucket may not make one, which rclone tries otherwise.
  const section = [
    ...['[theirs]', 'type = s3', 'provider = Other', 'env_auth = true', 'region = auto'],
    'no_check_bucket = true',
  ];
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
  await writeFile(join(folder, 'RCLONE_TEST'), '');
  if (first)
    await run(
      rclone,
      ['copyto', join(folder, 'RCLONE_TEST'), `${remote}/RCLONE_TEST`, '--config', config],
      { env },
    );
  await run(rclone, [...argv, '--resync'], { env });
  const stopped = new AbortController();
  let looped: Promise<void> = Promise.resolve();
  const loop = async (): Promise<void> => {
    for (;;) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOP_MS);
        stopped.signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
      if (stopped.signal.aborted) return;
      // A failed round is simply followed by the next one, as in the loop of SPEC-8.
      await run(rclone, argv, { env }).catch(() => undefined);
    }
  };
  return {
    folder,
    start: async () => {
      const began = performance.now();
      await run(rclone, argv, { env });
      const took = performance.now() - began;
      looped = loop();
      return took;
    },
    usage: () => Promise.resolve({ now: 0, peak: 0, cpu: 0 }),
    stop: async () => {
      stopped.abort();
      await looped;
    },
  };
}

async function usageOf(pid: number): Promise<{ now: number; peak: number; cpu: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // proc(5): utime and stime, in hundredths of a second.
  const cpu = (Number(fields[11]) + Number(fields[12])) / 100;
  return { now: kilobytes('VmRSS'), peak: kilobytes('VmHWM'), cpu };
}

export async function makeHomes(work: string, names: readonly string[]): Promise<string[]> {
  const homes = names.map((name) => join(work, name));
  for (const home of homes) await mkdir(join(home, 'notes'), { recursive: true });
  return homes;
}
