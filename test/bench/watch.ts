/**
 * npm run bench:watch [-- --sizes 1000,10000,100000 --saves 200 --latency 40 --loop-sizes 1000,10000
 *   --loop-saves 12 --idle 60]
 *
 * How long a save takes to the bucket and to another device, by `cloud bisync --watch` (the built
 * binary, two devices, its shipped settle time, no warm-up) and by SPEC-8's loop of `rclone bisync`.
 * Taken by this process, which verifies the content. Prints Markdown, and on stderr how far it is; on a
 * quiet machine some 25 minutes.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createApiClient } from '../../src/api/client.ts';
import { realRclone } from '../support/rclone.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { LoadClient } from './storage/s3-load.ts';
import { looping, makeHomes, watching, type BenchDevice } from './watch/contestants.ts';

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000' },
    saves: { type: 'string', default: '200' },
    latency: { type: 'string', default: '40' },
    'loop-sizes': { type: 'string', default: '1000,10000' },
    'loop-saves': { type: 'string', default: '12' },
    idle: { type: 'string', default: '60' },
  },
});
const list = (text: string): number[] => text.split(',').filter(Boolean).map(Number);
const SAVES = Number(options.saves);
const LATENCY_MS = Number(options.latency);
const IDLE_S = Number(options.idle);
/** How often this process looks; what it measures is at most so much too long. */
const LOOK_MS = 10;
const GIVE_UP_MS = 300_000;

const pathOf = (index: number): string =>
  `folder-${Math.floor(index / 50)}/note-${String(index).padStart(6, '0')}.md`;
const contentOf = (index: number): string => `note ${index}\n`.padEnd(1000, 'x');

async function inParallel(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

/** A bucket as this process sees it. */
interface Bucket {
  put(path: string, content: string): Promise<void>;
  get(path: string): Promise<string>;
  close(): void;
}

async function openBucket(server: TestServer, slug: string): Promise<Bucket> {
  const key = server.apiKeyOf(slug);
  const api = createApiClient({ server: server.url, token: () => Promise.resolve(key) });
  const credential = await api.createMountCredential({ description: 'bench' });
  const client = new LoadClient(
    {
      url: credential.endpoint_url,
      ...{ accessKeyId: credential.access_key, secretAccessKey: credential.secret_key },
    },
    32,
  );
  const at = (path: string): string => `/${credential.bucket_name}/${path}`;
  return {
    put: async (path, content) => {
      await client.send('PUT', at(path), Buffer.from(content));
    },
    get: async (path) =>
      (await client.exchange('GET', at(path), undefined, true)).body.toString('utf8'),
    close: () => client.close(),
  };
}

async function fill(count: number, bucket: Bucket, folders: readonly string[]): Promise<void> {
  for (let index = 0; index < count; index += 50) {
    for (const folder of folders)
      await mkdir(join(folder, dirname(pathOf(index))), { recursive: true });
  }
  await inParallel(count, async (index) => {
    await bucket.put(pathOf(index), contentOf(index));
    for (const folder of folders) await writeFile(join(folder, pathOf(index)), contentOf(index));
  });
}

/** Until the bucket has it. Looks overlap: each takes as long as the storage's latency. */
function inBucket(bucket: Bucket, path: string, content: string, since: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      bucket.get(path).then((now) => {
        const ms = performance.now() - since;
        if (now !== content && ms < GIVE_UP_MS) return;
        clearInterval(timer);
        if (now === content) resolve(ms);
        else reject(new Error(`${path} has not reached the bucket`));
      }, reject);
    }, 2 * LOOK_MS);
  });
}

async function onDisk(file: string, content: string, since: number): Promise<number> {
  for (;;) {
    if ((await readFile(file, 'utf8').catch(() => '')) === content)
      return performance.now() - since;
    if (performance.now() - since > GIVE_UP_MS) throw new Error(`${file} has not arrived`);
    await delay(LOOK_MS);
  }
}

interface Lags {
  toBucket: number[];
  toDisk: number[];
  between: number[];
}

let values = 0;
const fresh = (): string => `save ${(values += 1)} ${Math.random()}\n`.padEnd(1000, 'y');

/** One save after the other, at places all over the tree. */
async function oneByOne(
  count: number,
  bucket: Bucket,
  a: BenchDevice,
  b: BenchDevice,
): Promise<Lags> {
  const lags: Lags = { toBucket: [], toDisk: [], between: [] };
  for (let save = 0; save < SAVES; save += 1) {
    const path = pathOf(Math.floor(Math.random() * count));
    const content = fresh();
    const since = performance.now();
    await writeFile(join(a.folder, path), content);
    const [up, across] = await Promise.all([
      inBucket(bucket, path, content, since),
      onDisk(join(b.folder, path), content, since),
    ]);
    lags.toBucket.push(up);
    lags.between.push(across);
    await delay(Math.random() * 200);
    const other = pathOf(Math.floor(Math.random() * count));
    const theirs = fresh();
    await bucket.put(other, theirs);
    const put = performance.now();
    lags.toDisk.push(await onDisk(join(b.folder, other), theirs, put));
    await onDisk(join(a.folder, other), theirs, put);
    await delay(Math.random() * 200);
  }
  return lags;
}

/** Where a save takes minutes: at moments spread over a minute, all waited for at once. */
async function allAtOnce(
  saves: number,
  bucket: Bucket,
  a: BenchDevice,
  b: BenchDevice,
): Promise<Lags> {
  const lags: Lags = { toBucket: [], toDisk: [], between: [] };
  await Promise.all(
    Array.from({ length: saves }, async (_, each) => {
      await delay((each / saves) * 60_000);
      const [path, other] = [pathOf(2 * each), pathOf(2 * each + 1)];
      const [content, theirs] = [fresh(), fresh()];
      const since = performance.now();
      await writeFile(join(a.folder, path), content);
      const up = inBucket(bucket, path, content, since);
      const across = onDisk(join(b.folder, path), content, since);
      await bucket.put(other, theirs);
      const down = onDisk(join(b.folder, other), theirs, performance.now());
      lags.toBucket.push(await up);
      lags.between.push(await across);
      lags.toDisk.push(await down);
    }),
  );
  return lags;
}

const requests = (server: TestServer): number =>
  Object.values(server.objectStore.requests.counts()).reduce((sum, each) => sum + each.requests, 0);

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

async function idle(server: TestServer, devices: readonly BenchDevice[]): Promise<string[]> {
  // What the last saves have left to do is not idle.
  await delay(3000);
  const before = await Promise.all(devices.map((device) => device.usage()));
  server.objectStore.requests.reset();
  await delay(IDLE_S * 1000);
  const after = await Promise.all(devices.map((device) => device.usage()));
  const minutes = IDLE_S / 60;
  const asked = requests(server) / devices.length / minutes;
  const cpu = after.map(({ cpu: now }, index) => (now - (before[index]?.cpu ?? 0)) / minutes);
  return [
    asked.toFixed(1),
    `${Math.max(...cpu).toFixed(2)} s`,
    `${megabytes(Math.max(...after.map(({ now }) => now)))} MB, ` +
      `peak ${megabytes(Math.max(...after.map(({ peak }) => peak)))}`,
  ];
}

/** The comparison of each day, by one device after the other: the larger numbers of the two. */
async function comparing(devices: readonly BenchDevice[]): Promise<string> {
  const each: { peak: number; now: number; ms: number }[] = [];
  for (const device of devices) {
    const compared = await device.compareFully?.();
    if (compared !== undefined) each.push(compared);
  }
  if (each.length === 0) return '–';
  const most = (pick: (one: (typeof each)[number]) => number): number =>
    Math.max(...each.map(pick));
  const [peak, now] = [most((one) => one.peak), most((one) => one.now)];
  return `${megabytes(peak)} MB, then ${megabytes(now)}; ${(most((one) => one.ms) / 1000).toFixed(1)} s`;
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
function lagCell(lags: readonly number[]): string {
  const sorted = lags.toSorted((a, b) => a - b);
  const shown = (ms: number): string =>
    ms < 10_000 ? ms.toFixed(0) : `${(ms / 1000).toFixed(0)} s`;
  return [at(sorted, 0.5), at(sorted, 0.95), sorted.at(-1) ?? Number.NaN].map(shown).join(' / ');
}

type Name = 'cloud bisync --watch' | 'SPEC-8 loop';

async function measure(name: Name, count: number): Promise<number[]> {
  const note = (what: string): void => {
    const minutes = ((performance.now() - began) / 60_000).toFixed(1);
    process.stderr.write(
      `${minutes} min: ${name}, ${count.toLocaleString('en-US')} files: ${what}\n`,
    );
  };
  const work = await mkdtemp(join(tmpdir(), 'cloud-bench-'));
  const ours = name === 'cloud bisync --watch';
  const server = await startTestServer({ tenants: [ours ? 'ours' : 'theirs'] });
  const rclone = (await realRclone()).path;
  const devices: BenchDevice[] = [];
  const bucket = await openBucket(server, ours ? 'ours' : 'theirs');
  try {
    const homes = await makeHomes(work, ['a', 'b']);
    await fill(
      count,
      bucket,
      homes.map((home) => join(home, 'notes')),
    );
    note('filled');
    if (ours) {
      devices.push(...(await Promise.all(homes.map((home) => watching(server, home, rclone)))));
    } else {
      for (const [index, home] of homes.entries()) {
        devices.push(await looping(server, home, rclone, { first: index === 0 }));
      }
    }
    note('synced for the first time');
    server.objectStore.faults.set({ latencyMs: LATENCY_MS });
    const starts: number[] = [];
    for (const device of devices) starts.push(await device.start());
    note('started');
    const [a, b] = devices as [BenchDevice, BenchDevice];
    const lags = ours
      ? await oneByOne(count, bucket, a, b)
      : await allAtOnce(Number(options['loop-saves']), bucket, a, b);
    note('saved');
    const atRest = ours ? await idle(server, devices) : ['–', '–', '–'];
    const daily = await comparing(devices);
    note('compared');
    const cells = [
      ...[name, count.toLocaleString('en-US'), String(lags.toBucket.length)],
      ...[lags.toBucket, lags.toDisk, lags.between].map(lagCell),
      ...[...atRest, daily, `${(Math.max(...starts) / 1000).toFixed(1)} s`],
    ];
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
    return [lags.toBucket, lags.toDisk].map((each) =>
      at(
        each.toSorted((x, y) => x - y),
        0.5,
      ),
    );
  } finally {
    server.objectStore.faults.clear();
    for (const device of devices) await device.stop();
    bucket.close();
    await server.close();
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

const began = performance.now();
const load = (): string => loadavg()[0]?.toFixed(1) ?? '';
const cores = cpus();
process.stdout.write(
  `${cores.length} × ${cores[0]?.model ?? ''}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}, ` +
    `rclone ${(await realRclone()).version}, storage latency ${LATENCY_MS} ms, load ${load()}; ` +
    'lags in milliseconds, p50 / p95 / max\n\n' +
    '| | files | saves | local → bucket | bucket → disk | device → device | requests an idle minute | CPU an idle minute | memory | full comparison | start |\n' +
    '|---|---:|---:|---|---|---|---:|---:|---|---|---:|\n',
);
const medians: number[][] = [];
for (const count of list(options.sizes)) medians.push(await measure('cloud bisync --watch', count));
// Side by side: most of what they measure is the minute between two rounds.
await Promise.all(list(options['loop-sizes']).map((count) => measure('SPEC-8 loop', count)));
const flat = [0, 1].map((index) => {
  const values = medians.map((each) => each[index] ?? 0);
  return `${(Math.max(...values) / Math.min(...values)).toFixed(2)} ×`;
});
process.stdout.write(
  `\nslowest over fastest median: local → bucket ${flat[0] ?? ''}, bucket → disk ${flat[1] ?? ''}; ` +
    `load at the end ${load()}, ${((performance.now() - began) / 60_000).toFixed(0)} minutes\n`,
);
