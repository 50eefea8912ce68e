import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LoadClient, measure, type Measured, type Target } from './storage/s3-load.ts';

/**
 * npm run bench:storage [-- --objects 100000 --folder /path --compare NAME=URL,KEY,SECRET]
 *
 * The object store beside the raw file system on the same disk, in one run. Raw means: create a
 * file, write, fsync, close, with the same number of writers.
 */
const { values: options } = parseArgs({
  options: {
    objects: { type: 'string', default: '100000' },
    folder: { type: 'string', default: tmpdir() },
    compare: { type: 'string', multiple: true, default: [] },
  },
});
const SMALL = 4 * 1024;
const LARGE = 64 * 1024 * 1024;
const CLIENTS = 32;

interface Line {
  what: string;
  measured: Measured;
  /** Bytes of one operation, where throughput says more than operations. */
  bytes?: number;
}

function print(name: string, lines: Line[]): void {
  console.log(`\n${name}\n| what | per second | p50 ms | p99 ms |\n|---|---|---|---|`);
  for (const { what, measured, bytes } of lines) {
    const { perSecond, p50, p99 } = measured;
    const rate =
      bytes === undefined ? perSecond.toFixed(0) : `${((perSecond * bytes) / 1e6).toFixed(0)} MB`;
    console.log(`| ${what} | ${rate} | ${p50.toFixed(2)} | ${p99.toFixed(2)} |`);
  }
}

async function rawWrite(path: string, body: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.write(body);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function rawFileSystem(folder: string): Promise<Line[]> {
  const small = Buffer.alloc(SMALL, 7);
  const large = Buffer.alloc(LARGE, 7);
  const lines: Line[] = [];
  for (const clients of [1, CLIENTS]) {
    const name = (index: number): string => join(folder, `small-${clients}-${index}`);
    const operations = clients === 1 ? 1000 : 5000;
    const put = await measure(clients, operations, (index) => rawWrite(name(index), small));
    const get = await measure(clients, operations, (index) => readFile(name(index)));
    lines.push({ what: `write+fsync 4 KB, ${clients} writers`, measured: put });
    lines.push({ what: `read 4 KB, ${clients} readers`, measured: get });
  }
  const name = (index: number): string => join(folder, `large-${index}`);
  const put = await measure(1, 6, (index) => rawWrite(name(index), large));
  const get = await measure(1, 6, (index) => readFile(name(index)));
  lines.push({ what: 'write+fsync 64 MB', measured: put, bytes: LARGE });
  lines.push({ what: 'read 64 MB', measured: get, bytes: LARGE });
  return lines;
}

async function overS3(target: Target, objects: number): Promise<Line[]> {
  const client = new LoadClient(target, CLIENTS);
  const small = Buffer.alloc(SMALL, 7);
  const large = Buffer.alloc(LARGE, 7);
  const lines: Line[] = [];
  await client.send('PUT', '/bench');
  await client.send('PUT', '/bench-list');
  // Once unmeasured: both processes compile what they run.
  await measure(CLIENTS, 500, (index) => client.send('PUT', `/bench/warm-${index}`, small));
  for (const clients of [1, CLIENTS]) {
    const name = (index: number): string => `/bench/small-${clients}-${index}`;
    const operations = clients === 1 ? 1000 : 5000;
    const put = await measure(clients, operations, (i) => client.send('PUT', name(i), small));
    const get = await measure(clients, operations, (i) => client.send('GET', name(i)));
    lines.push({ what: `PUT 4 KB, ${clients} clients`, measured: put });
    lines.push({ what: `GET 4 KB, ${clients} clients`, measured: get });
  }
  const name = (index: number): string => `/bench/large-${index}`;
  const put = await measure(1, 6, (index) => client.send('PUT', name(index), large));
  const get = await measure(1, 6, (index) => client.send('GET', name(index)));
  lines.push({ what: 'PUT 64 MB', measured: put, bytes: LARGE });
  lines.push({ what: 'GET 64 MB', measured: get, bytes: LARGE });
  lines.push(...(await listings(client, objects)));
  client.close();
  return lines;
}

async function listings(client: LoadClient, objects: number): Promise<Line[]> {
  const body = Buffer.from('x');
  await measure(CLIENTS, objects, (index) => {
    const key = `folder-${String(index % 100).padStart(2, '0')}/file-${String(index).padStart(7, '0')}`;
    return client.send('PUT', `/bench-list/${key}`, body);
  });
  const first = await measure(1, 50, () => client.send('GET', '/bench-list?list-type=2'));
  const folders = await measure(1, 50, () =>
    client.send('GET', '/bench-list?delimiter=%2F&list-type=2'),
  );
  const pages: number[] = [];
  const whole = await measure(1, 3, () => listAll(client, pages));
  pages.sort((a, b) => a - b);
  const at = (share: number): number => pages[Math.floor((pages.length - 1) * share)] ?? 0;
  const page = { perSecond: 1000 / at(0.5), p50: at(0.5), p99: at(0.99) };
  return [
    { what: `LIST first page of ${objects}`, measured: first },
    { what: `LIST 100 folders of ${objects}`, measured: folders },
    { what: 'LIST any page of the whole', measured: page },
    { what: `LIST all ${objects}`, measured: whole },
  ];
}

async function listAll(client: LoadClient, pages: number[]): Promise<void> {
  let token: string | undefined;
  do {
    const after = token === undefined ? '' : `continuation-token=${encodeURIComponent(token)}&`;
    const from = performance.now();
    const text = String(await client.send('GET', `/bench-list?${after}list-type=2`));
    pages.push(performance.now() - from);
    token = /<NextContinuationToken>([^<]*)</.exec(text)?.[1];
  } while (token !== undefined);
}

async function ownStore(folder: string, objects: number): Promise<Line[]> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'storage', 'serve.ts'), join(folder, 'store')],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const url = line.toString().trim();
    return await overS3({ url, accessKeyId: 'bench', secretAccessKey: 'bench-secret' }, objects);
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
}

const folder = await mkdtemp(join(options.folder, 'bench-storage-'));
try {
  const objects = Number(options.objects);
  console.log(`Node ${process.version}, ${availableParallelism()} cores, ${folder}`);
  const raw = await rawFileSystem(folder);
  print('Raw file system', raw);
  const own = await ownStore(folder, objects);
  print('Object store', own);
  for (const each of options.compare) {
    const [name = '', rest = ''] = each.split('=');
    const [url = '', accessKeyId = '', secretAccessKey = ''] = rest.split(',');
    print(name, await overS3({ url, accessKeyId, secretAccessKey }, objects));
  }
  const rate = (lines: Line[], what: string): number =>
    lines.find((line) => line.what.startsWith(what))?.measured.perSecond ?? 0;
  for (const clients of [1, CLIENTS]) {
    const ratio = rate(own, `PUT 4 KB, ${clients} `) / rate(raw, `write+fsync 4 KB, ${clients} `);
    console.log(
      `\nsmall durable PUT, ${clients} clients: ${ratio.toFixed(2)} × raw (target ≥ 0.5)`,
    );
  }
  const page = own.find((line) => line.what.includes('any page'))?.measured.p50 ?? 0;
  console.log(`LIST page p50 ${page.toFixed(1)} ms (target ≤ 20)`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
