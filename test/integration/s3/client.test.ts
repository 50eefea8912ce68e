import { createHash } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createS3Client, type PutObject, type S3Client } from '../../../src/s3/client.ts';
import { S3RequestError, type S3Failure } from '../../../src/s3/errors.ts';
import { startTestBucket, type TestBucket } from '../../support/devices.ts';

let bucket: TestBucket;
let s3: S3Client;
beforeEach(async () => {
  bucket = await startTestBucket();
  s3 = createS3Client(bucket.access, 1);
});
afterEach(async () => {
  s3.close();
  await bucket[Symbol.asyncDispose]();
});

const md5 = (content: string | Uint8Array): string =>
  createHash('md5').update(content).digest('hex');
const object = (key: string, content: string, more: Partial<PutObject> = {}): PutObject => ({
  ...{ key, body: Buffer.from(content), md5: md5(content), modifiedMs: 1_600_000_000_123 },
  ...{ condition: { ifAbsent: true }, ...more },
});

async function failure(work: Promise<unknown>): Promise<S3Failure> {
  try {
    await work;
  } catch (error) {
    if (error instanceof S3RequestError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('the S3 client', () => {
  it('writes, reads, looks at, copies and deletes objects', async () => {
    const etag = await s3.put(object('a/b.md', 'hello'));
    expect(etag).toBe(`"${md5('hello')}"`);
    const head = { etag, size: 5, md5: md5('hello'), modifiedMs: 1_600_000_000_123 };
    expect(await s3.head('a/b.md')).toEqual(head);
    const got = await s3.get('a/b.md');
    expect(got.head).toEqual(head);
    expect(await text(got.body)).toBe('hello');
    await s3.copy('a/b.md', etag, 'copy of b.md');
    expect(await bucket.get('copy of b.md')).toBe('hello');
    await s3.delete('a/b.md', etag);
    expect(await s3.head('a/b.md')).toBeUndefined();
    expect(Math.abs(s3.clockSkewMs ?? Infinity)).toBeLessThan(5000);
  });

  it('streams a large body with its length, and an empty one', async () => {
    const large = Buffer.alloc(7 * 1024 * 1024, 'x');
    const open = (): Readable => Readable.from([large.subarray(0, 100), large.subarray(100)]);
    await s3.put(object('large', '', { body: { open, length: large.length }, md5: md5(large) }));
    expect((await buffer((await s3.get('large')).body)).equals(large)).toBe(true);
    await s3.put(object('empty', ''));
    expect(await s3.head('empty')).toMatchObject({ size: 0 });
  });

  it.each(['ü é/😀', 'a+b', '100%', '%2F', "q'(!)*~", '#?&=;:@$,', 'tab\tline\n', ' sp ace '])(
    'signs the key %j',
    async (key) => {
      await s3.put(object(key, key));
      expect(await bucket.objects()).toEqual(new Map([[key, key]]));
      expect(await s3.head(key)).toMatchObject({ md5: md5(key) });
    },
  );

  it('refuses to overwrite what is not as expected, and says so', async () => {
    const etag = await s3.put(object('k', 'one'));
    expect(await failure(s3.put(object('k', 'two')))).toBe('precondition');
    const stale = { condition: { ifMatch: `"${md5('zero')}"` } };
    expect(await failure(s3.put(object('k', 'two', stale)))).toBe('precondition');
    expect(await failure(s3.put(object('none', 'two', stale)))).toBe('not-found');
    expect(await failure(s3.delete('k', stale.condition.ifMatch))).toBe('precondition');
    expect(await failure(s3.copy('k', stale.condition.ifMatch, 'c'))).toBe('precondition');
    expect(await bucket.get('k')).toBe('one');
    await s3.put(object('k', 'two', { condition: { ifMatch: etag } }));
    expect(await bucket.get('k')).toBe('two');
  });

  it('a body that arrives with another MD5 is not stored', async () => {
    expect(await failure(s3.put(object('k', 'one', { md5: md5('other') })))).toBe('refused');
    expect(await bucket.get('k')).toBeUndefined();
  });

  it('tells a refused key, a full storage and a cut connection apart', async () => {
    const foreign = createS3Client({ ...bucket.access, accessKeyId: 'tid_none' }, 1);
    const wrong = createS3Client({ ...bucket.access, secretAccessKey: 'tsec_wrong-secret' }, 1);
    expect(await failure(foreign.head('k'))).toBe('denied');
    expect(await failure(wrong.put(object('k', 'x')))).toBe('denied');
    bucket.store.faults.set({ errorRate: 1, errorCode: 'SlowDown' });
    expect(await failure(s3.put(object('k', 'x')))).toBe('throttled');
    bucket.store.faults.set({ errorRate: 1, errorCode: 'InternalError' });
    expect(await failure(s3.put(object('k', 'x')))).toBe('server');
    bucket.store.faults.set({ errorRate: 0, cutRate: 1, cutAt: ['reply'] });
    expect(await failure(s3.put(object('k', 'x')))).toBe('network');
    bucket.store.faults.clear();
    expect(await bucket.get('k')).toBe('x');
    expect(await failure(s3.get('nothing'))).toBe('not-found');
    foreign.close();
    wrong.close();
  });

  it('believes an MD5 that somebody wrote beside an object only where the ETag is none', async () => {
    const stale = Buffer.from(md5('before'), 'hex').toString('base64');
    await bucket.put('k', 'after', { 'x-amz-meta-md5chksum': stale });
    expect(await s3.head('k')).toMatchObject({ md5: md5('after') });
  });

  it('takes a copy that failed after its answer had begun for failed', async () => {
    const server = createHttpServer((request, answer) => {
      request.resume().on('end', () => {
        answer.end('<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const late = createS3Client({ ...bucket.access, endpoint: `http://127.0.0.1:${port}` }, 1);
    onTestFinished(() => late.close());
    expect(await failure(late.copy('k', '"e"', 'copy'))).toBe('server');
  });

  it('sends a write once and a read again', async () => {
    bucket.store.faults.set({ errorRate: 1, errorCode: 'InternalError' });
    bucket.store.requests.reset();
    expect(await failure(s3.put(object('k', 'x')))).toBe('server');
    expect(await failure(s3.delete('k', '"x"'))).toBe('server');
    expect(await failure(s3.head('k'))).toBe('server');
    const { PutObject, DeleteObject, HeadObject } = bucket.store.requests.counts();
    const sent = [PutObject, DeleteObject, HeadObject].map((each) => each?.requests);
    expect(sent).toEqual([1, 1, 3]);
  });

  it('a download that is cut halfway fails its stream', async () => {
    await s3.put(object('k', 'x'.repeat(6_000_000)));
    bucket.store.faults.set({ cutRate: 1, cutAt: ['body'] });
    const { body } = await s3.get('k');
    await expect(text(body).then((all) => all.length)).rejects.toThrow();
  });

  it('nobody listening is a network failure', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const away = createS3Client({ ...bucket.access, endpoint: `http://127.0.0.1:${port}` }, 1);
    expect(await failure(away.put(object('k', 'x')))).toBe('network');
    away.close();
  });

  it('an aborted request ends with the reason of the abort', async () => {
    bucket.store.faults.set({ latencyMs: 5000 });
    const reason = new Error('stopped by a person');
    const controller = new AbortController();
    const pending = s3.put(object('k', 'x', { signal: controller.signal }));
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    bucket.store.faults.clear();
  });
});
