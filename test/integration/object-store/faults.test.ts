import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import type { RequestEntry } from '../../../src/object-store/index.ts';
import { ADMIN, errorOf, openStore, textAt, type TestStore } from './support.ts';

const Bucket = 'notes';

async function openBucket(options: Parameters<typeof openStore>[0] = {}): Promise<TestStore> {
  const opened = await openStore(options);
  await opened.s3.send(new CreateBucketCommand({ Bucket }));
  return opened;
}

/** A clock that waits by moving on, and remembers how long it was asked to wait. */
function jumpingClock() {
  let now = Date.now();
  const waits: number[] = [];
  return {
    waits,
    advance: (ms: number) => void (now += ms),
    now: () => now,
    sleep: (ms: number) => {
      waits.push(ms);
      now += ms;
      return Promise.resolve();
    },
  };
}

describe('faults', () => {
  it('delay each request', async () => {
    const clock = jumpingClock();
    const { s3, store } = await openBucket({ clock });
    store.faults.set({ latencyMs: 40, only: ['PutObject'] });
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    expect(clock.waits).toEqual([40]);
  });

  it('hold uploads and downloads to a bandwidth', async () => {
    const clock = jumpingClock();
    const { s3, store } = await openBucket({ clock });
    store.faults.set({ bandwidth: 100_000 });
    const total = () => clock.waits.splice(0).reduce((sum, ms) => sum + ms, 0);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: Buffer.alloc(1_000_000) }));
    expect(total()).toBeGreaterThan(9_900);
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'k' }));
    await Body!.transformToByteArray();
    expect(total()).toBeCloseTo(10_000, -2);
  });

  it('refuse a share of the requests, repeatably, without any effect', async () => {
    const { s3, store } = await openBucket();
    const outcomes = async () => {
      store.faults.set({ errorRate: 0.5, seed: 7 });
      const seen: string[] = [];
      for (let index = 0; index < 40; index += 1) {
        seen.push(
          await errorOf(s3.send(new PutObjectCommand({ Bucket, Key: `k${index}`, Body: 'x' }))),
        );
      }
      store.faults.clear();
      return seen;
    };
    const first = await outcomes();
    const refused = first.filter((outcome) => outcome === 'SlowDown').length;
    expect(refused).toBeGreaterThan(5);
    expect(refused).toBeLessThan(35);
    const { KeyCount } = await s3.send(new ListObjectsV2Command({ Bucket }));
    expect(KeyCount).toBe(40 - refused);
    expect(await outcomes()).toEqual(first);
  });

  it.each([
    ['before', false],
    ['reply', true],
  ] as const)('cut the connection %s the effect', async (point, done) => {
    const { s3, store } = await openBucket();
    store.faults.set({ cutRate: 1, cutAt: [point] });
    const put = s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    expect(await errorOf(put)).not.toBe('no error');
    store.faults.clear();
    const there = await errorOf(s3.send(new GetObjectCommand({ Bucket, Key: 'k' })));
    expect(there).toBe(done ? 'no error' : 'NoSuchKey');
  });

  it('cut a download halfway', async () => {
    const { s3, store } = await openBucket();
    for (const size of [1000, 3_000_000]) {
      store.faults.clear();
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: Buffer.alloc(size) }));
      store.faults.set({ cutRate: 1, cutAt: ['body'] });
      const read = s3
        .send(new GetObjectCommand({ Bucket, Key: 'k' }))
        .then(({ Body }) => Body!.transformToByteArray());
      expect(await errorOf(read)).not.toBe('no error');
    }
  });

  it('show writes in listings only after a while', async () => {
    const clock = jumpingClock();
    const { s3, store } = await openBucket({ clock });
    const put = (Key: string, Body = 'x') => s3.send(new PutObjectCommand({ Bucket, Key, Body }));
    const list = async (MaxKeys = 1000) => {
      const seen: (string | undefined)[] = [];
      let token: string | undefined;
      do {
        const page = await s3.send(
          new ListObjectsV2Command({ Bucket, MaxKeys, ...(token && { ContinuationToken: token }) }),
        );
        seen.push(...(page.Contents ?? []).map(({ Key, Size }) => `${Key ?? ''}:${Size ?? 0}`));
        token = page.NextContinuationToken;
      } while (token !== undefined);
      return seen;
    };
    for (const key of ['a', 'b', 'c', 'd']) await put(key);
    store.faults.set({ listingDelayMs: 1000 });
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'b' }));
    await put('c', 'longer');
    await put('bb');
    const before = ['a:1', 'b:1', 'c:1', 'd:1'];
    expect(await list()).toEqual(before);
    expect(await list(1)).toEqual(before);
    expect(await errorOf(s3.send(new GetObjectCommand({ Bucket, Key: 'b' })))).toBe('NoSuchKey');
    clock.advance(1001);
    expect(await list()).toEqual(['a:1', 'bb:1', 'c:6', 'd:1']);
  });

  it.each([
    ['ENOSPC', 'InsufficientStorage', 507],
    ['EIO', 'InternalError', 500],
  ] as const)(
    'fail the disk with %s: refused, absent, and well again after',
    async (diskError, code, status) => {
      const { fetch, store } = await openBucket();
      await fetch(`/${Bucket}/old`, { method: 'PUT', body: 'old' });
      store.faults.set({ diskError });
      for (const size of [10, 200_000]) {
        const body = Buffer.alloc(size);
        for (const key of ['new', 'old']) {
          const response = await fetch(`/${Bucket}/${key}`, { method: 'PUT', body });
          expect(response.status).toBe(status);
          expect(await response.text()).toContain(`<Code>${code}</Code>`);
        }
      }
      expect((await fetch(`/${Bucket}/old`, { method: 'DELETE' })).status).toBe(status);
      expect(await (await fetch(`/${Bucket}/old`)).text()).toBe('old');
      expect((await fetch(`/${Bucket}/new`)).status).toBe(404);
      store.faults.clear();
      expect((await fetch(`/${Bucket}/new`, { method: 'PUT', body: 'x' })).status).toBe(200);
    },
  );

  it('leave a bucket as it was when its settings cannot be written', async () => {
    const { fetch, store } = await openBucket();
    const settings = async () => await (await fetch(`/${Bucket}?metadata`)).text();
    const before = await settings();
    const patch = () =>
      fetch(`/${Bucket}`, {
        method: 'PATCH',
        body: JSON.stringify({ soft_delete: { enabled: true, retention_days: 30 } }),
      });
    store.faults.set({ diskError: 'ENOSPC' });
    expect((await patch()).status).toBe(507);
    expect(await settings()).toBe(before);
    store.faults.clear();
    expect((await patch()).status).toBe(200);
    expect(await settings()).not.toBe(before);
  });
});

describe('the request log', () => {
  it('counts by operation and tells each request, without secrets', async () => {
    const { s3, store, iam } = await openBucket();
    const entries: RequestEntry[] = [];
    const stop = store.requests.listen((entry) => entries.push(entry));
    store.requests.reset();
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    await errorOf(s3.send(new GetObjectCommand({ Bucket, Key: 'absent' })));
    const made = await iam({ Action: 'CreateAccessKey', UserName: 'x' });
    stop();
    await s3.send(new ListObjectsV2Command({ Bucket }));
    expect(store.requests.counts()).toEqual({
      PutObject: { requests: 1, errors: 0 },
      GetObject: { requests: 1, errors: 1 },
      CreateAccessKey: { requests: 1, errors: 0 },
      ListObjectsV2: { requests: 1, errors: 0 },
    });
    expect([store.requests.count(), store.requests.count('PutObject')]).toEqual([4, 1]);
    expect(entries.map(({ operation, status }) => [operation, status])).toEqual([
      ['PutObject', 200],
      ['GetObject', 404],
      ['CreateAccessKey', 200],
    ]);
    expect(entries[1]).toMatchObject({ bucket: Bucket, key: 'absent', errorCode: 'NoSuchKey' });
    const secret = textAt(made.json, 'CreateAccessKeyResult', 'AccessKey', 'SecretAccessKey');
    expect(JSON.stringify(entries)).not.toContain(secret);
    expect(JSON.stringify(entries)).not.toContain(ADMIN.secretAccessKey);
  });
});
