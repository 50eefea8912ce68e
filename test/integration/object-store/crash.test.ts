import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { expect, it, onTestFinished } from 'vitest';
import { LoadClient } from '../../bench/storage/s3-load.ts';
import { CrashWriter } from './crash-writer.ts';
import { temporaryFolder } from './support.ts';

/** CLOUD_STORE_KILLS=3000 npx vitest run test/integration/object-store/crash.test.ts is a soak. */
const KILLS = Number(process.env['CLOUD_STORE_KILLS'] ?? 25);
const WRITERS = 8;

/** The store as one plain file: what is to be repeated thousands of times has to start quickly. */
async function bundleStore(folder: string): Promise<string> {
  const outfile = join(folder, 'serve.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, '../../bench/storage/serve.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  return outfile;
}

interface Running {
  child: ChildProcess;
  client: LoadClient;
}

async function start(serve: string, folder: string): Promise<Running> {
  const child = spawn(process.execPath, [serve, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (line: Buffer) => resolve(line.toString().trim()));
    child.once('exit', () => reject(new Error('the store did not start again')));
  });
  const target = { url, accessKeyId: 'bench', secretAccessKey: 'bench-secret' };
  return { child, client: new LoadClient(target, WRITERS) };
}

async function kill({ child, client }: Running): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  client.close();
}

/** Repeatable dice; the moments of the kills are not repeatable anyway. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

it(
  `keeps every acknowledged write through ${KILLS} kills in the middle of traffic`,
  { timeout: 60_000 + KILLS * 5_000 },
  async () => {
    const folder = join(await temporaryFolder(), 'store');
    const writers = Array.from(
      { length: WRITERS },
      (_, i) => new CrashWriter(`w${i}`, dice(i + 1)),
    );
    const moment = dice(99);
    const serve = await bundleStore(await temporaryFolder());
    let running = await start(serve, folder);
    await running.client.send('PUT', '/crash');
    for (let round = 0; round < KILLS; round += 1) {
      const traffic = writers.map((writer) => writer.run(running.client, 'crash'));
      await delay(10 + moment() * 150);
      await kill(running);
      await Promise.all(traffic);
      running = await start(serve, folder);
      const { client } = running;
      const wrong = (
        await Promise.all(writers.map((writer) => writer.check(client, 'crash')))
      ).flat();
      expect(wrong, `after kill ${round + 1}`).toEqual([]);
      const listed = String(await client.send('GET', '/crash?list-type=2'));
      const keys = [...listed.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key);
      expect(keys).toEqual(writers.flatMap((writer) => writer.present()).sort());
    }
    const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledgements, 0);
    console.log(`${KILLS} kills, ${acknowledged} acknowledged writes, none lost or torn`);
    expect(acknowledged).toBeGreaterThan(KILLS);
    await emptyAndCount(running, folder);
  },
);

/** Once everything is deleted, no body may be left that nothing refers to. */
async function emptyAndCount(running: Running, folder: string): Promise<void> {
  const uploads = String(await running.client.send('GET', '/crash?uploads='));
  for (const [, key, id] of uploads.matchAll(/<Key>(.*?)<\/Key><UploadId>(.*?)</g)) {
    await running.client.send('DELETE', `/crash/${key ?? ''}?uploadId=${id ?? ''}`);
  }
  const listed = String(await running.client.send('GET', '/crash?list-type=2'));
  for (const [, key] of listed.matchAll(/<Key>(.*?)<\/Key>/g)) {
    await running.client.send('DELETE', `/crash/${key ?? ''}`);
  }
  running.client.close();
  const exited = once(running.child, 'exit');
  running.child.stdin?.end();
  await exited;
  const left = await readdir(join(folder, 'bodies'), { recursive: true, withFileTypes: true });
  expect(left.filter((entry) => entry.isFile())).toEqual([]);
}
