import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checksumHasher } from '../../../src/object-store/checksums.ts';
import { errorOf, openStore, type TestStore } from './support.ts';

const Bucket = 'notes';
const Key = 'big';
const FIVE_MB = 5 * 1024 * 1024;

interface Started extends TestStore {
  UploadId: string;
  upload: (PartNumber: number, body: Buffer) => Promise<CompletedPart>;
  complete: (Parts: CompletedPart[], more?: object) => Promise<{ ETag?: string | undefined }>;
}

async function startUpload(more: object = {}): Promise<Started> {
  const opened = await openStore();
  const { s3 } = opened;
  await s3.send(new CreateBucketCommand({ Bucket }));
  const created = await s3.send(
    new CreateMultipartUploadCommand({ Bucket, Key, Metadata: { a: '1' }, ...more }),
  );
  const UploadId = created.UploadId!;
  return {
    ...opened,
    UploadId,
    upload: async (PartNumber, Body) => {
      const part = await s3.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }),
      );
      return { PartNumber, ETag: part.ETag };
    },
    complete: (Parts, headers = {}) =>
      s3.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId,
          MultipartUpload: { Parts },
          ...headers,
        }),
      ),
  };
}

const first = Buffer.alloc(FIVE_MB, 'a');
const second = Buffer.alloc(FIVE_MB + 1, 'b');
const last = Buffer.from('the end');
const whole = Buffer.concat([first, second, last]);

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(folder, 'bodies'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('multipart upload', () => {
  it('joins parts of any order into one object with S3’s ETag', async () => {
    const { s3, upload, complete, UploadId } = await startUpload();
    const three = await upload(7, last);
    const one = await upload(1, first);
    const two = await upload(3, second);
    const listed = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, FIVE_MB],
      [3, FIVE_MB + 1],
      [7, last.length],
    ]);
    const { ETag } = await complete([one, two, three]);
    const md5 = (data: Buffer) => createHash('md5').update(data).digest();
    const expected = md5(Buffer.concat([first, second, last].map(md5))).toString('hex');
    expect(ETag).toBe(`"${expected}-3"`);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
    expect(Buffer.from(await got.Body!.transformToByteArray()).equals(whole)).toBe(true);
    expect(got.Metadata).toEqual({ a: '1' });
    const Range = `bytes=${FIVE_MB - 2}-${FIVE_MB + 1}`;
    const across = await s3.send(new GetObjectCommand({ Bucket, Key, Range }));
    expect(await across.Body!.transformToString()).toBe('aabb');
    const part = await s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 3 }));
    expect(await part.Body!.transformToString()).toBe('the end');
    expect(part.PartsCount).toBe(3);
  });

  it('answers a completion that is sent again, and then forgets the upload', async () => {
    const { s3, upload, complete, UploadId } = await startUpload();
    const part = await upload(1, last);
    const once = await complete([part]);
    expect((await complete([part])).ETag).toBe(once.ETag);
    const listed = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(listed.Uploads).toBeUndefined();
    expect(await errorOf(s3.send(new ListPartsCommand({ Bucket, Key, UploadId })))).toBe(
      'NoSuchUpload',
    );
  });

  it('replaces a part that is uploaded again, and keeps no bytes that nothing refers to', async () => {
    const { s3, store, upload, complete, folder } = await startUpload();
    await upload(1, second);
    const one = await upload(1, first);
    const unused = await upload(2, second);
    expect(unused.ETag).toMatch(/^"[0-9a-f]{32}"$/);
    await complete([one]);
    await store.close();
    expect(await filesIn(folder)).toHaveLength(1);
    s3.destroy();
  });

  it('is refused for parts that are out of order, unknown, changed or too small', async () => {
    const { upload, complete } = await startUpload();
    const small = await upload(1, last);
    const big = await upload(2, first);
    expect(await errorOf(complete([small, big]))).toBe('EntityTooSmall');
    expect(await errorOf(complete([big, small]))).toBe('InvalidPartOrder');
    expect(await errorOf(complete([{ ...big, PartNumber: 3 }]))).toBe('InvalidPart');
    expect(await errorOf(complete([{ ...big, ETag: '"0"' }]))).toBe('InvalidPart');
    expect(await errorOf(complete([]))).toBe('MalformedXML');
    expect(await errorOf(upload(0, last))).toBe('InvalidArgument');
    expect(await errorOf(upload(10_001, last))).toBe('InvalidArgument');
    expect(await errorOf(complete([big], { IfMatch: '"x"' }))).toBe('NoSuchKey');
    expect(await errorOf(complete([big], { IfNoneMatch: '*' }))).toBe('no error');
  });

  it('is gone when it is aborted', async () => {
    const { s3, store, upload, folder, UploadId } = await startUpload();
    await upload(1, first);
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    const again = new AbortMultipartUploadCommand({ Bucket, Key, UploadId });
    expect(await errorOf(s3.send(again))).toBe('NoSuchUpload');
    expect(await errorOf(upload(2, last))).toBe('NoSuchUpload');
    await store.close();
    expect(await filesIn(folder)).toEqual([]);
  });

  it('copies parts of other objects', async () => {
    const { s3, complete, UploadId } = await startUpload();
    await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: whole }));
    const copy = async (PartNumber: number, CopySourceRange: string) => {
      const { CopyPartResult } = await s3.send(
        new UploadPartCopyCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          CopySource: `${Bucket}/source`,
          CopySourceRange,
        }),
      );
      return { PartNumber, ETag: CopyPartResult?.ETag };
    };
    const one = await copy(1, `bytes=0-${FIVE_MB - 1}`);
    const two = await copy(2, `bytes=${FIVE_MB}-${whole.length - 1}`);
    expect(await errorOf(copy(3, `bytes=0-${whole.length}`))).toBe('InvalidRange');
    expect(await errorOf(copy(3, 'bytes=2-1'))).toBe('InvalidArgument');
    await complete([one, two]);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    expect(Buffer.from(await Body!.transformToByteArray()).equals(whole)).toBe(true);
  });

  it('lists uploads by key, in pages', async () => {
    const { s3 } = await startUpload();
    for (const name of ['a/1', 'a/2', 'z']) {
      await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: name }));
    }
    const seen: (string | undefined)[] = [];
    let markers = {};
    for (;;) {
      const command = new ListMultipartUploadsCommand({ Bucket, MaxUploads: 1, ...markers });
      const page = await s3.send(command);
      seen.push(...(page.Uploads ?? []).map((upload) => upload.Key));
      if (page.IsTruncated !== true) break;
      markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
    expect(seen).toEqual(['a/1', 'a/2', 'big', 'z']);
    const folders = await s3.send(new ListMultipartUploadsCommand({ Bucket, Delimiter: '/' }));
    expect(folders.CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual(['a/']);
    const under = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'a/' }));
    expect(under.Uploads).toHaveLength(2);
  });

  it.each([
    ['CRC64NVME', 'FULL_OBJECT'],
    ['CRC32', 'FULL_OBJECT'],
    ['SHA256', 'COMPOSITE'],
  ] as const)('has a checksum of its own kind: %s %s', async (ChecksumAlgorithm, ChecksumType) => {
    const { s3, upload, complete } = await startUpload({ ChecksumAlgorithm, ChecksumType });
    await complete([await upload(1, first), await upload(2, last)]);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    expect(head.ChecksumType).toBe(ChecksumType);
    const value = head[`Checksum${ChecksumAlgorithm}`];
    if (ChecksumType === 'FULL_OBJECT') {
      const algorithm = ChecksumAlgorithm === 'CRC32' ? 'crc32' : 'crc64nvme';
      const hasher = checksumHasher(algorithm);
      hasher.update(Buffer.concat([first, last]));
      expect(value).toBe(hasher.digest());
    } else {
      const sha = (data: Buffer) => createHash('sha256').update(data).digest();
      expect(value).toBe(`${sha(Buffer.concat([sha(first), sha(last)])).toString('base64')}-2`);
    }
  });

  it('may be announced with the completion, also as it is told, and is told again', async () => {
    const { upload, complete } = await startUpload({ ChecksumAlgorithm: 'SHA256' });
    const sha = (data: Buffer) => createHash('sha256').update(data).digest();
    const composite = `${sha(sha(last)).toString('base64')}-1`;
    const parts = [await upload(1, last)];
    expect(await errorOf(complete(parts, { ChecksumSHA256: 'bad' }))).toBe('BadDigest');
    const first = await complete(parts, { ChecksumSHA256: composite });
    expect(first).toMatchObject({ ChecksumSHA256: composite, ChecksumType: 'COMPOSITE' });
    const repeated = await complete(parts, { ChecksumSHA256: composite });
    expect(repeated).toMatchObject({ ETag: first.ETag, ChecksumSHA256: composite });
  });
});
