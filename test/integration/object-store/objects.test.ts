import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  type ChecksumAlgorithm,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { errorOf, openStore, type TestStore } from './support.ts';

const Bucket = 'notes';

async function openBucket(): Promise<TestStore> {
  const opened = await openStore();
  await opened.s3.send(new CreateBucketCommand({ Bucket }));
  return opened;
}

async function read({ s3 }: TestStore, Key: string, more = {}): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return await Body!.transformToString();
}

describe('buckets', () => {
  it('are created, listed, found and removed', async () => {
    const { s3 } = await openBucket();
    expect(await errorOf(s3.send(new CreateBucketCommand({ Bucket })))).toBe(
      'BucketAlreadyOwnedByYou',
    );
    expect((await s3.send(new ListBucketsCommand())).Buckets?.map(({ Name }) => Name)).toEqual([
      Bucket,
    ]);
    await s3.send(new HeadBucketCommand({ Bucket }));
    expect((await s3.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint).toBe(
      'auto',
    );
    await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }));
    expect(await errorOf(s3.send(new DeleteBucketCommand({ Bucket })))).toBe('BucketNotEmpty');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    await s3.send(new DeleteBucketCommand({ Bucket }));
    expect(await errorOf(s3.send(new HeadBucketCommand({ Bucket })))).toBe('NotFound');
    expect(await errorOf(s3.send(new PutObjectCommand({ Bucket, Key: 'a' })))).toBe('NoSuchBucket');
  });

  it.each(['ab', 'Upper', 'with.dot', '-start', 'end-', 'a'.repeat(64)])(
    'cannot be called %s',
    async (name) => {
      const { fetch } = await openStore();
      const response = await fetch(`/${name}`, { method: 'PUT' });
      expect(response.status).toBe(400);
      expect(await response.text()).toContain('InvalidBucketName');
    },
  );
});

describe('objects', () => {
  it.each([
    ['empty', 0],
    ['small', 4096],
    ['the largest in the index', 64 * 1024],
    ['the smallest in a file', 64 * 1024 + 1],
    ['large', 9_000_000],
  ])('come back as they were put: %s', async (_what, size) => {
    const { s3 } = await openBucket();
    const body = Buffer.alloc(size);
    for (let at = 0; at < size; at += 1) body[at] = (at * 31 + (at >> 8)) & 255;
    const put = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: body }));
    expect(put.ETag).toBe(`"${createHash('md5').update(body).digest('hex')}"`);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    expect(Buffer.from(await got.Body!.transformToByteArray()).equals(body)).toBe(true);
    expect(got.ContentLength).toBe(size);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
    expect([head.ContentLength, head.ETag]).toEqual([size, put.ETag]);
  });

  it.each([
    'a b',
    'ü/é😀',
    'a+b&c=d?e#f%20',
    'quote\'"<>',
    '//double//',
    'dots/../..',
    '\u0001\t',
    'x/',
  ])('have any key: %j', async (Key) => {
    const opened = await openBucket();
    await opened.s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    expect(await read(opened, Key)).toBe(Key);
  });

  it('keep headers and metadata, and answer the overrides of a request', async () => {
    const { s3 } = await openBucket();
    const sent = {
      ContentType: 'text/markdown',
      CacheControl: 'max-age=5',
      ContentDisposition: 'inline',
      ContentEncoding: 'gzip',
      ContentLanguage: 'de',
      Metadata: { mtime: '1700000000.123456789' },
    };
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ...sent }));
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).toMatchObject(sent);
    const overridden = await s3.send(
      new GetObjectCommand({ Bucket, Key: 'k', ResponseContentType: 'text/plain' }),
    );
    expect(overridden.ContentType).toBe('text/plain');
  });

  it('give metadata back byte for byte when it is not ASCII', async () => {
    const { s3 } = await openBucket();
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Metadata: { name: 'ü' } }));
    const { Metadata } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
    // Node's HTTP client shows header bytes as Latin-1.
    expect(Buffer.from(Metadata!['name']!, 'latin1').toString('utf8')).toBe('ü');
  });

  it('are read in ranges', async () => {
    const opened = await openBucket();
    await opened.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '0123456789' }));
    expect(await read(opened, 'k', { Range: 'bytes=2-4' })).toBe('234');
    expect(await read(opened, 'k', { Range: 'bytes=-3' })).toBe('789');
    const part = await opened.s3.send(
      new GetObjectCommand({ Bucket, Key: 'k', Range: 'bytes=8-99' }),
    );
    expect([part.ContentRange, part.ContentLength]).toEqual(['bytes 8-9/10', 2]);
    expect(await errorOf(read(opened, 'k', { Range: 'bytes=10-' }))).toBe('InvalidRange');
  });

  it('answer conditions of readers', async () => {
    const { fetch, s3 } = await openBucket();
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const status = async (headers: Record<string, string>) =>
      (await fetch(`/${Bucket}/k`, { headers })).status;
    const same = await fetch(`/${Bucket}/k`, { headers: { 'if-none-match': ETag! } });
    expect([same.status, same.headers.get('etag')]).toEqual([304, ETag]);
    expect(await status({ 'if-match': '"other"' })).toBe(412);
    expect(await status({ 'if-match': ETag! })).toBe(200);
    const modified = (await fetch(`/${Bucket}/k`)).headers.get('last-modified')!;
    expect(await status({ 'if-modified-since': modified })).toBe(304);
    expect(await status({ 'if-unmodified-since': modified })).toBe(200);
  });

  it('let one of many writers with the same condition win', async () => {
    const opened = await openBucket();
    const put = (Body: string, more: object) =>
      errorOf(opened.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body, ...more })));
    const first = await Promise.all(
      Array.from({ length: 20 }, (_, index) => put(`first ${index}`, { IfNoneMatch: '*' })),
    );
    expect(first.filter((outcome) => outcome === 'no error')).toHaveLength(1);
    expect(new Set(first)).toEqual(new Set(['no error', 'PreconditionFailed']));
    const winner = await read(opened, 'k');
    expect(winner).toBe(`first ${first.indexOf('no error')}`);
    const IfMatch = createHash('md5').update(winner).digest('hex');
    const second = await Promise.all(
      Array.from({ length: 20 }, (_, index) => put(`second ${index}`, { IfMatch })),
    );
    expect(second.filter((outcome) => outcome === 'no error')).toHaveLength(1);
    expect(await put('x', { IfMatch: '"none"' })).toBe('PreconditionFailed');
  });

  it('end with one of the versions that were written at once', async () => {
    const opened = await openBucket();
    const bodies = Array.from({ length: 16 }, (_, index) => String(index).repeat(100_000));
    await Promise.all(
      bodies.map((Body) => opened.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body }))),
    );
    expect(bodies).toContain(await read(opened, 'k'));
  });

  it('stay readable to the end while they are overwritten', async () => {
    const { s3 } = await openBucket();
    const old = Buffer.alloc(12_000_000, 'o');
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: old }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: Buffer.alloc(12_000_000, 'n') }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
    expect(Buffer.from(await Body!.transformToByteArray()).equals(old)).toBe(true);
  });

  it('are deleted alone and by the thousand', async () => {
    const { s3 } = await openBucket();
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'never there' }));
    const keys = Array.from({ length: 50 }, (_, index) => `k<${index}>&`);
    await Promise.all(keys.map((Key) => s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))));
    const Objects = [...keys, 'never there'].map((Key) => ({ Key }));
    const { Deleted, Errors } = await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects } }),
    );
    expect(Errors).toBeUndefined();
    expect(Deleted?.map(({ Key }) => Key)).toEqual(Objects.map(({ Key }) => Key));
    expect(await errorOf(s3.send(new GetObjectCommand({ Bucket, Key: keys[0] })))).toBe(
      'NoSuchKey',
    );
    const stale = { Bucket, Key: 'k', IfMatch: '"old"' };
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'new' }));
    expect(await errorOf(s3.send(new DeleteObjectCommand(stale)))).toBe('PreconditionFailed');
  });
});

describe('uploads that do not arrive as announced leave nothing', () => {
  it.each([
    ['another MD5', { 'content-md5': createHash('md5').update('y').digest('base64') }, 'BadDigest'],
    ['no MD5 at all', { 'content-md5': 'nonsense' }, 'InvalidDigest'],
    ['another CRC', { 'x-amz-checksum-crc32': 'AAAAAA==' }, 'BadDigest'],
    ['no CRC at all', { 'x-amz-checksum-crc32': 'AAAA' }, 'InvalidRequest'],
    [
      'another payload hash',
      { 'x-amz-content-sha256': '0'.repeat(64) },
      'XAmzContentSHA256Mismatch',
    ],
    ['public access', { 'x-amz-acl': 'public-read' }, 'NotImplemented'],
    ['tags', { 'x-amz-tagging': 'a=b' }, 'NotImplemented'],
    ['encryption', { 'x-amz-server-side-encryption': 'AES256' }, 'NotImplemented'],
    ['too much metadata', { 'x-amz-meta-a': 'x'.repeat(9000) }, 'MetadataTooLarge'],
  ])('%s', async (_what, headers, code) => {
    const { fetch } = await openBucket();
    const response = await fetch(`/${Bucket}/k`, { method: 'PUT', body: 'x', headers });
    expect(await response.text()).toContain(`<Code>${code}</Code>`);
    expect((await fetch(`/${Bucket}/k`)).status).toBe(404);
  });

  it('a key that is too long', async () => {
    const { fetch } = await openBucket();
    const response = await fetch(`/${Bucket}/${'k'.repeat(1025)}`, { method: 'PUT', body: 'x' });
    expect(await response.text()).toContain('KeyTooLongError');
  });
});

describe('checksums', () => {
  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as ChecksumAlgorithm[])(
    '%s travels as the SDK sends it and is told again',
    async (ChecksumAlgorithm) => {
      const { s3 } = await openBucket();
      const put = await s3.send(
        new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello world', ChecksumAlgorithm }),
      );
      const field = `Checksum${ChecksumAlgorithm}` as 'ChecksumCRC32';
      expect(put[field]).toMatch(/^[A-Za-z0-9+/]+=*$/);
      const head = await s3.send(
        new HeadObjectCommand({ Bucket, Key: 'k', ChecksumMode: 'ENABLED' }),
      );
      expect(head[field]).toBe(put[field]);
      expect(head.ChecksumType).toBe('FULL_OBJECT');
    },
  );
});

describe('copies', () => {
  it('take bytes and metadata along, or replace the metadata', async () => {
    const opened = await openBucket();
    const { s3 } = opened;
    for (const [Key, size] of [
      ['small', 10],
      ['large', 200_000],
    ] as const) {
      const Body = 'z'.repeat(size);
      const CopySource = `${Bucket}/${Key}`;
      await s3.send(new PutObjectCommand({ Bucket, Key, Body, Metadata: { a: '1' } }));
      await s3.send(new CopyObjectCommand({ Bucket, Key: `${Key}-copy`, CopySource }));
      await s3.send(new DeleteObjectCommand({ Bucket, Key }));
      expect(await read(opened, `${Key}-copy`)).toBe(Body);
      const replaced = { CopySource: `${CopySource}-copy`, MetadataDirective: 'REPLACE' as const };
      const copy = { Bucket, Key: `${Key}-copy`, ...replaced, Metadata: { b: '2' } };
      await s3.send(new CopyObjectCommand(copy));
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: `${Key}-copy` }));
      expect(head.Metadata).toEqual({ b: '2' });
      expect(await read(opened, `${Key}-copy`)).toBe(Body);
    }
  });

  it('are refused when they would change nothing, or a condition fails', async () => {
    const { s3 } = await openBucket();
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const copy = (Key: string, more: object) =>
      errorOf(s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/k`, ...more })));
    expect(await copy('k', {})).toBe('InvalidRequest');
    expect(await copy('c', { CopySourceIfMatch: '"other"' })).toBe('PreconditionFailed');
    expect(await copy('c', { CopySourceIfNoneMatch: ETag })).toBe('PreconditionFailed');
    expect(await copy('c', { CopySourceIfMatch: ETag })).toBe('no error');
    expect(await copy('c', { CopySource: `${Bucket}/absent` })).toBe('NoSuchKey');
  });
});

describe('what is not here', () => {
  it.each([
    ['PUT', '/notes?policy'],
    ['PUT', '/notes?versioning'],
    ['PUT', '/notes?lifecycle'],
    ['PUT', '/notes?notification'],
    ['PUT', '/notes/k?tagging'],
    ['PUT', '/notes/k?acl'],
    ['POST', '/notes/k?select&select-type=2'],
    ['GET', '/notes/k?torrent'],
    ['GET', '/notes?encryption'],
    ['POST', '/notes'],
  ])('answers NotImplemented: %s %s', async (method, path) => {
    const { fetch, s3 } = await openBucket();
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    const response = await fetch(path, { method, ...(method !== 'GET' && { body: 'x' }) });
    expect(response.status).toBe(501);
    expect(await response.text()).toContain('<Code>NotImplemented</Code>');
    expect(await (await fetch('/notes/k')).text()).toBe('x');
  });
});
