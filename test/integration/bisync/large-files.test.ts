import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { AwsClient } from 'aws4fetch';
import { createS3Client, type S3Client } from '../../../src/s3/client.ts';
import type { Device, TestBucket } from '../../support/devices.ts';
import { laptopAndBucket, testDevice } from '../../support/test-devices.ts';

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  ({ bucket, laptop } = await laptopAndBucket());
});

const MB = 1024 * 1024;
const content = (letter: string): string => letter.repeat(13 * MB);

/** As for files over 5 GiB, with limits that a test can reach: three parts. */
function inParts(): S3Client {
  return createS3Client(bucket.access, 20, { maxPutBytes: 10 * MB, partBytes: 5 * MB });
}

async function openUploads(): Promise<string[]> {
  const client = new AwsClient({ ...bucket.access, service: 's3', region: 'auto' });
  const answer = await client.fetch(`${bucket.store.url}/${bucket.access.bucket}?uploads`);
  return (await answer.text()).match(/<UploadId>[^<]+/g) ?? [];
}

it('what is too large for one PUT goes in parts, and is then a file like any other', async () => {
  await laptop.write('large.bin', content('a'));
  await laptop.sync({}, { s3: inParts() });
  const counts = bucket.store.requests.counts();
  expect(counts).toMatchObject({
    UploadPart: { requests: 3 },
    CompleteMultipartUpload: { requests: 1 },
  });
  expect((await bucket.get('large.bin')) === content('a')).toBe(true);
  expect((await laptop.sync({}, { s3: inParts() })).counts).toMatchObject({ unchanged: 1 });
  const other = await testDevice(bucket, 'other');
  expect((await other.sync()).counts.downloaded).toBe(1);
  await other.write('large.bin', content('b'));
  expect((await other.sync({}, { s3: inParts() })).counts.uploaded).toBe(1);
  expect((await laptop.sync()).counts).toMatchObject({ downloaded: 1, conflicts: 0 });
  expect((await laptop.read('large.bin')) === content('b')).toBe(true);
}, 60_000);

it('another version in the meantime is not overwritten, and no parts stay behind', async () => {
  await laptop.write('new.bin', content('n'));
  await laptop.write('known.bin', content('k'));
  await laptop.sync({}, { s3: inParts() });
  await laptop.write('known.bin', content('K'));
  await laptop.write('other.bin', content('o'));
  const theirs = async (): Promise<void> => {
    await bucket.put('known.bin', 'theirs');
    await bucket.put('other.bin', 'theirs too');
  };
  const result = await laptop.sync({ conflicts: 'cloud' }, { s3: inParts(), afterPlan: theirs });
  expect(result.conflicts.map(({ path, kept }) => `${path} ${kept}`).sort()).toEqual([
    'known.bin cloud',
    'other.bin cloud',
  ]);
  expect(await bucket.get('known.bin')).toBe('theirs');
  expect(await laptop.files()).toEqual(await bucket.objects());
  expect(await openUploads()).toEqual([]);
}, 60_000);

it('parts are sent again, a completion whose reply is cut is recognised as ours', async () => {
  await laptop.sync({}, { s3: inParts() });
  await laptop.write('large.bin', content('a'));
  bucket.store.faults.set({ errorRate: 0.4, errorCode: 'SlowDown', only: ['UploadPart'], seed: 5 });
  expect(await laptop.sync({}, { s3: inParts() })).toMatchObject({ exitCode: 0 });
  await laptop.write('large.bin', content('b'));
  bucket.store.faults.clear();
  bucket.store.faults.set({ cutRate: 1, cutAt: ['reply'], only: ['CompleteMultipartUpload'] });
  expect(await laptop.sync({}, { s3: inParts() })).toMatchObject({
    ...{ exitCode: 0, conflicts: [], counts: { uploaded: 1 } },
  });
  bucket.store.faults.clear();
  expect((await bucket.get('large.bin')) === content('b')).toBe(true);
  expect(await openUploads()).toEqual([]);
}, 60_000);

it('parts that a killed run left are taken away by the next one', async () => {
  await laptop.sync();
  const pairs = join(laptop.host.places.state, 'pairs');
  const journal = join(pairs, (await readdir(pairs))[0]!, 'journal');
  const client = new AwsClient({ ...bucket.access, service: 's3', region: 'auto' });
  const url = `${bucket.store.url}/${bucket.access.bucket}/large.bin?uploads`;
  const started = await (await client.fetch(url, { method: 'POST' })).text();
  const uploadId = /<UploadId>([^<]+)/.exec(started)?.[1];
  expect(await openUploads()).toHaveLength(1);
  await writeFile(journal, `${JSON.stringify({ type: 'upload', path: 'large.bin', uploadId })}\n`);
  await laptop.sync();
  expect(await openUploads()).toEqual([]);
  await expect(readFile(journal)).rejects.toThrow('ENOENT');
});
