import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client as AwsS3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { createS3Client, type S3Client } from '../../../src/s3/client.ts';
import { errorFromAnswer } from '../../../src/s3/errors.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket, testDevice } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

/** An object of two parts, whose ETag is no MD5 and which has none in its metadata. */
async function putMultipart(key: string, content: string): Promise<void> {
  const { endpoint, bucket: Bucket, ...credentials } = bucket.access;
  const client = new AwsS3Client({ endpoint, region: 'auto', forcePathStyle: true, credentials });
  const object = { Bucket, Key: key };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  const half = content.length / 2;
  const Parts = await Promise.all(
    [content.slice(0, half), content.slice(half)].map(async (Body, index) => {
      const part = { ...object, UploadId, PartNumber: index + 1, Body };
      const { ETag } = await client.send(new UploadPartCommand(part));
      return { ETag, PartNumber: index + 1 };
    }),
  );
  const end = { ...object, UploadId, MultipartUpload: { Parts } };
  await client.send(new CompleteMultipartUploadCommand(end));
  client.destroy();
}

const large = (char: string): string => char.repeat(12 * 1024 * 1024);

it('objects without an MD5 are compared by their ETag, so an edit of the same size is seen', async () => {
  await putMultipart('big.bin', large('a'));
  await laptop.write('same.bin', large('s'));
  await putMultipart('same.bin', large('s'));
  const first = await laptop.sync();
  expect(first).toMatchObject({ exitCode: 0, counts: { downloaded: 1, conflicts: 0 } });
  expect((await laptop.sync()).counts).toMatchObject({ unchanged: 2, downloaded: 0, uploaded: 0 });
  await putMultipart('big.bin', large('b'));
  expect((await laptop.sync()).counts).toMatchObject({ downloaded: 1, conflicts: 0 });
  expect((await laptop.read('big.bin')) === large('b')).toBe(true);
  await laptop.write('big.bin', 'edited here');
  await laptop.remove('same.bin');
  const last = await laptop.sync({ profile: 'fast' });
  expect(last.counts).toMatchObject({ uploaded: 1, deletedRemote: 1, conflicts: 0 });
  expect(await laptop.files()).toEqual(await bucket.objects());
}, 60_000);

/** A storage that takes every write, whatever its condition says. */
function carelessStorage(): S3Client {
  const real = createS3Client(bucket.access);
  return {
    ...real,
    head: real.head,
    get clockSkewMs() {
      return real.clockSkewMs;
    },
    put: async (request) => {
      const head = await real.head(request.key);
      const condition = head === undefined ? { ifAbsent: true as const } : { ifMatch: head.etag };
      return real.put({ ...request, condition });
    },
    delete: async (key) => {
      const head = await real.head(key);
      if (head !== undefined) await real.delete(key, head.etag);
    },
  };
}

it('a storage that ignores conditions is recognised, and a copy kept before each overwrite', async () => {
  const sync = (afterPlan?: () => Promise<void>): ReturnType<Device['sync']> =>
    laptop.sync({ profile: 'fast' }, { s3: carelessStorage(), ...(afterPlan && { afterPlan }) });
  for (const name of ['a', 'b', 'c', 'd']) await laptop.write(name, `first ${name}`);
  await sync();
  const pairs = join(laptop.host.places.state, 'pairs');
  const record = await readFile(join(pairs, (await readdir(pairs))[0]!, 'pair.json'), 'utf8');
  expect(JSON.parse(record)).toMatchObject({ conditions: { writes: false, deletes: false } });
  await laptop.write('a', 'second a');
  await laptop.remove('b');
  await laptop.write('c', 'mine');
  const result = await sync(() => bucket.put('c', 'theirs'));
  const kept = (name: string): Promise<string | undefined> =>
    bucket.get(`.cloud-trash/${result.runId}/${name}`);
  expect([await kept('a'), await kept('b')]).toEqual(['first a', 'first b']);
  expect(result.counts.conflicts).toBe(1);
  const live = await bucket.objects();
  expect(live).toEqual(await laptop.files());
  expect([...live.values()]).toEqual(expect.arrayContaining(['mine', 'theirs', 'second a']));
});

it('a storage that refuses every delete with a condition can be synced with, too', async () => {
  const real = createS3Client(bucket.access);
  const remove: S3Client['delete'] = (key, ifMatch, signal) =>
    ifMatch === undefined
      ? real.delete(key, ifMatch, signal)
      : Promise.reject(errorFromAnswer(501, '<Error><Code>NotImplemented</Code></Error>', key));
  const s3 = Object.defineProperties({ ...real, delete: remove }, { clockSkewMs: { value: 0 } });
  for (const name of ['a', 'b', 'c', 'd']) await laptop.write(name, name);
  expect(await laptop.sync({}, { s3 })).toMatchObject({ exitCode: 0, counts: { uploaded: 4 } });
  await laptop.remove('a');
  const result = await laptop.sync({}, { s3 });
  expect(result).toMatchObject({ exitCode: 0, counts: { deletedRemote: 1 } });
  expect(await bucket.get(`.cloud-trash/${result.runId}/a`)).toBe('a');
  expect(await bucket.objects()).toEqual(await laptop.files());
});

it('an endpoint that moved is probed again, and the pair stays the same', async () => {
  await laptop.write('a', 'a');
  await laptop.sync();
  const moved = {
    ...bucket.access,
    endpoint: bucket.access.endpoint.replace('127.0.0.1', 'localhost'),
  };
  const result = await laptop.sync({ access: moved });
  expect(result).toMatchObject({ united: false, counts: { unchanged: 1 } });
});

it('three hundred files in deep folders go up and come down whole', async () => {
  const desktop = await testDevice(bucket, 'desktop');
  await mkdir(join(laptop.root, 'x'), { recursive: true });
  for (let index = 0; index < 300; index += 1) {
    const folder = Array.from({ length: index % 9 }, (_, depth) => `d${depth}`).join('/');
    await laptop.write(join(folder, `file ${index}.md`), `content ${index}\n`.repeat(index));
  }
  expect((await laptop.sync()).counts.uploaded).toBe(300);
  expect((await desktop.sync()).counts.downloaded).toBe(300);
  expect(await desktop.files()).toEqual(await laptop.files());
  expect(await desktop.files()).toEqual(await bucket.objects());
});
