import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { ACCESS_CONTENT } from '../../../src/bisync/filters/own-files.ts';
import { createS3Client, type S3Client } from '../../../src/s3/client.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

it('an endpoint that is spelled otherwise does not make the check file again', async () => {
  for (let index = 0; index < 8; index += 1) await laptop.write(`f${index}.md`, `${index}`);
  await laptop.sync();
  for (const key of ['f0.md', 'f1.md', '.cloud-access']) await bucket.remove(key);
  const halted = { code: 'halted-marker-missing', exitCode: 78 };
  await expect(laptop.sync()).rejects.toMatchObject(halted);
  const { port } = new URL(bucket.access.endpoint);
  for (const endpoint of [`${bucket.access.endpoint}/`, `http://localhost:${port}`]) {
    const access = { ...bucket.access, endpoint };
    await expect(laptop.sync({ access })).rejects.toMatchObject(halted);
  }
  expect((await laptop.files()).size).toBe(8);
}, 30_000);

it('a new endpoint is asked whether it keeps conditions, one spelled otherwise is not', async () => {
  await laptop.write('a.md', 'a');
  await laptop.sync();
  const { endpoint } = bucket.access;
  const puts = async (other: string): Promise<number> => {
    bucket.store.requests.reset();
    await laptop.sync({ access: { ...bucket.access, endpoint: other } });
    return bucket.store.requests.count('PutObject');
  };
  expect(await puts(`${endpoint}/`)).toBe(0);
  expect(await puts(endpoint.replace('127.0.0.1', 'localhost'))).toBe(3);
}, 30_000);

it.each(['marker', 'record'] as const)(
  'a new pair whose set-up ended at its %s is set up by the next run',
  async (at) => {
    await laptop.write('a.md', 'a');
    const real = createS3Client(bucket.access);
    let blocker = join(laptop.root, '.cloud-pair.json');
    const put: S3Client['put'] = async (request) => {
      const etag = await real.put(request);
      if (request.key === '.cloud-access') {
        if (at === 'record') blocker = join(await onlyPair(), 'pair.json');
        // A folder in the place of the file: it cannot be written, as if the run had been killed.
        await mkdir(join(blocker, 'x'), { recursive: true });
      }
      return etag;
    };
    const s3 = new Proxy(real, {
      get: (target, name): unknown => (name === 'put' ? put : Reflect.get(target, name)),
    });
    await expect(laptop.sync({}, { s3 })).rejects.toThrow();
    await rm(blocker, { recursive: true });
    expect((await laptop.sync()).counts.uploaded).toBe(1);
  },
  30_000,
);

async function onlyPair(): Promise<string> {
  const pairs = join(laptop.host.places.state, 'pairs');
  return join(pairs, (await readdir(pairs))[0]!);
}

it('a pair set up by a key that may only read is asked for conditions by one that may write', async () => {
  await bucket.put('a.md', 'a', { 'x-amz-meta-mtime': '1e300' });
  await bucket.put('.cloud-access', ACCESS_CONTENT);
  const first = await laptop.sync({ access: { ...bucket.access, permission: 'ro' } });
  expect(first).toMatchObject({ exitCode: 0, counts: { downloaded: 1 } });
  const pairs = join(laptop.host.places.state, 'pairs');
  const record = join(pairs, (await readdir(pairs))[0]!, 'pair.json');
  expect(JSON.parse(await readFile(record, 'utf8'))).not.toHaveProperty('conditions');
  await laptop.sync();
  expect(JSON.parse(await readFile(record, 'utf8'))).toMatchObject({
    conditions: { writes: true },
  });
});
