import { createHash } from 'node:crypto';
import { AwsClient } from 'aws4fetch';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { startGateway, type Gateway } from '../../../src/mount/gateway/gateway.ts';
import { parseVersionKey, versionKey } from '../../../src/mount/gateway/version-keys.ts';
import { systemClock, type Clock } from '../../../src/platform/clock.ts';
import { encodeSegment } from '../../../src/s3/request.ts';
import { startTestBucket, type TestBucket } from '../../support/devices.ts';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';

/** What a mount sees of the bucket, and the bucket itself. */
interface Through {
  bucket: TestBucket;
  gateway: Gateway;
  send(method: string, key: string, body?: string | Buffer, headers?: object): Promise<number>;
  ask(method: string, path: string, body?: string): Promise<{ status: number; text: string }>;
  /** Kept copies: the path that each had, why it was kept, and its content. */
  versions(): Promise<{ path: string; reason: string; content: string }[]>;
}

async function openThrough(): Promise<Through & { proxy: FaultProxy }> {
  const bucket = await startTestBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  const proxy = await startFaultProxy(bucket.access.endpoint);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  const access = { ...bucket.access, endpoint: proxy.url };
  const gateway = await startGateway(access, {
    ...{ clock: systemClock, versionDays: 30, onError: () => undefined },
  });
  onTestFinished(() => gateway.close());
  const { remote } = gateway;
  const client = new AwsClient({ ...remote, service: 's3', retries: 0 });
  const root = `${remote.endpoint}/${bucket.access.bucket}`;
  const at = (key: string): string => `${root}/${key.split('/').map(encodeSegment).join('/')}`;
  return {
    ...{ bucket, gateway, proxy },
    send: async (method, key, body, headers = {}) => {
      const init = { method, headers: { ...headers } };
      const answer = await client.fetch(at(key), {
        ...init,
        ...(body === undefined ? {} : { body: body as string }),
      });
      await answer.arrayBuffer();
      return answer.status;
    },
    ask: async (method, path, body) => {
      const init = body === undefined ? { method } : { method, body };
      const answer = await client.fetch(`${root}${path}`, init);
      return { status: answer.status, text: await answer.text() };
    },
    versions: async () => {
      const list = await client.fetch(`${root}?list-type=2&prefix=.cloud-versions%2F`);
      const keys = [...(await list.text()).matchAll(/<Key>([^<]+)</g)].map(([, key]) => key ?? '');
      return Promise.all(
        keys.map(async (key) => {
          const { path, reason } = parseVersionKey(key)!;
          return { path, reason, content: (await bucket.get(key)) ?? '' };
        }),
      );
    },
  };
}

const copyOf = ({ bucket }: Through, key: string): object => ({
  'x-amz-copy-source': `${bucket.access.bucket}/${encodeSegment(key)}`,
});

test('overwriting, deleting and renaming over keep what was there; what is new keeps nothing', async () => {
  const through = await openThrough();
  const { send, bucket, versions } = through;
  expect(await send('PUT', 'a b/ü.md', 'one')).toBe(200);
  expect(await versions()).toEqual([]);
  expect(await send('PUT', 'a b/ü.md', 'two')).toBe(200);
  expect(await versions()).toEqual([{ path: 'a b/ü.md', reason: 'replaced', content: 'one' }]);
  expect(await send('DELETE', 'a b/ü.md')).toBe(204);
  expect(await send('DELETE', 'never there')).toBe(204);
  expect(await versions()).toContainEqual({ path: 'a b/ü.md', reason: 'deleted', content: 'two' });
  // A rename over another file, as rclone does it: a copy, then the old name is deleted.
  await send('PUT', 'draft', 'the draft');
  await send('PUT', 'final', 'the old final');
  expect(await send('PUT', 'final', '', copyOf(through, 'draft'))).toBe(200);
  expect(await send('DELETE', 'draft')).toBe(204);
  expect((await versions()).filter(({ path }) => !path.startsWith('a b'))).toEqual([
    { path: 'final', reason: 'replaced', content: 'the old final' },
  ]);
  // Written anew after it was copied, it is another content than the one that lives on.
  await send('PUT', 'copied', '', copyOf(through, 'final'));
  await bucket.put('final', 'by somebody else');
  await send('DELETE', 'final');
  expect((await versions()).map(({ content }) => content)).toContain('by somebody else');
  // New metadata for an object that stays, as `touch` makes, replaces no content.
  const before = await versions();
  await send('PUT', 'copied', '', copyOf(through, 'copied'));
  expect(await versions()).toEqual(before);
});

test('a large object and one that is uploaded in parts are kept too', async () => {
  const { send, ask, bucket, versions } = await openThrough();
  const large = Buffer.alloc(1_100_000, 'l');
  await send('PUT', 'large', large);
  await send('PUT', 'large', Buffer.alloc(large.length, 'm'));
  await bucket.put('parts', 'before');
  const begun = await ask('POST', '/parts?uploads');
  const id = /<UploadId>([^<]+)</.exec(begun.text)?.[1] ?? '';
  expect((await ask('PUT', `/parts?partNumber=1&uploadId=${id}`, 'after')).status).toBe(200);
  expect(await versions()).toHaveLength(1);
  const etag = `"${createHash('md5').update('after').digest('hex')}"`;
  const list = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
  expect((await ask('POST', `/parts?uploadId=${id}`, list)).status).toBe(200);
  expect(await bucket.get('parts')).toBe('after');
  const kept = new Map((await versions()).map(({ path, content }) => [path, content]));
  expect(kept.get('parts')).toBe('before');
  expect(kept.get('large')).toBe(large.toString());
});

test('whatever is overwritten or deleted is found again, also when somebody else writes too', async () => {
  const through = await openThrough();
  const { send, bucket, versions } = through;
  const key = fc.constantFrom('a', 'b', 'd/c');
  const step = fc.oneof(
    fc.record({ op: fc.constant('put' as const), key }),
    fc.record({ op: fc.constant('delete' as const), key }),
    fc.record({ op: fc.constant('rename' as const), key, to: key }),
    fc.record({ op: fc.constant('race' as const), key }),
  );
  let serial = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const must = new Set<string>();
      for (const each of steps) {
        serial += 1;
        const before = await bucket.objects();
        if (each.op === 'put') await send('PUT', each.key, `mine ${serial}`);
        else if (each.op === 'delete') await send('DELETE', each.key);
        else if (each.op === 'rename' && each.to !== each.key && before.has(each.key)) {
          await send('PUT', each.to, '', copyOf(through, each.key));
          await send('DELETE', each.key);
        } else if (each.op === 'race') {
          await Promise.all([
            send('PUT', each.key, `mine ${serial}`),
            bucket.put(each.key, `theirs ${serial}`),
          ]);
        }
        const after = await bucket.objects();
        const present = new Set(after.values());
        const raced = each.op === 'race' ? after.get(each.key) : undefined;
        if (raced?.startsWith('mine') === true) must.add(`theirs ${serial}`);
        for (const [name, content] of before) {
          // In a race theirs may have replaced it before the mount came.
          const theirs = each.op === 'race' && name === each.key;
          if (!theirs && !present.has(content)) must.add(content);
        }
      }
      const kept = (await versions()).map(({ content }) => content);
      const found = new Set([...(await bucket.objects()).values(), ...kept]);
      for (const content of must) expect(found).toContain(content);
    }),
    { numRuns: 15 },
  );
});

const large = 'x'.repeat(1_100_000);
test.each([
  ['PUT', 'a small object', 'mine'],
  ['PUT', 'a large object', large],
  ['DELETE', 'nothing', undefined],
] as const)(
  '%s of %s over what somebody wrote after the copy keeps that too',
  async (method, _, body) => {
    const { send, bucket, versions, proxy } = await openThrough();
    await bucket.put('a', 'first');
    // Probes whether conditions hold, so that the script sees the write itself.
    await send('PUT', 'other', 'x');
    let copied = false;
    let interfered = false;
    proxy.follow({
      before: async ({ key, method: what }) => {
        if (key.startsWith('.cloud-versions/')) copied = true;
        else if (copied && !interfered && key === 'a' && what === method) {
          interfered = true;
          await bucket.put('a', 'theirs, in between');
        }
      },
    });
    // One whose body comes only once is refused, and sent again by rclone.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if ((await send(method, 'a', body)) < 300) break;
    }
    expect(interfered).toBe(true);
    expect(await bucket.get('a')).toBe(body);
    expect((await versions()).map(({ content }) => content).sort()).toEqual([
      'first',
      'theirs, in between',
    ]);
  },
);

test('a rename deletes the old name only as it was when it was copied', async () => {
  const through = await openThrough();
  const { send, bucket, versions, proxy } = through;
  await send('PUT', 'a', 'mine');
  expect(await send('PUT', 'b', '', copyOf(through, 'a'))).toBe(200);
  proxy.follow({
    before: async ({ key, method, nth }) => {
      if (key === 'a' && method === 'DELETE' && nth === 0) await bucket.put('a', 'theirs');
    },
  });
  expect(await send('DELETE', 'a')).toBe(204);
  expect(await bucket.get('a')).toBeUndefined();
  expect(await bucket.get('b')).toBe('mine');
  expect(await versions()).toEqual([{ path: 'a', reason: 'deleted', content: 'theirs' }]);
});

test.each(['before', 'request', 'reply', 'body'] as const)(
  'a connection that is cut at the %s of a write loses nothing once it is tried again',
  async (at) => {
    const { send, bucket, versions, proxy } = await openThrough();
    await send('PUT', 'a', 'old');
    let cut = false;
    proxy.follow({
      fate: ({ key, method }) => {
        if (cut || key !== 'a' || method !== 'PUT') return { type: 'pass' };
        cut = true;
        return { type: 'cut', at };
      },
    });
    const attempt = (): Promise<number> => send('PUT', 'a', 'new').catch(() => 0);
    while ((await attempt()) !== 200);
    expect(cut).toBe(true);
    expect(await bucket.get('a')).toBe('new');
    expect((await versions()).map(({ content }) => content)).toContain('old');
  },
);

test('a storage that lets nothing be copied lets nothing be replaced; tried again, one copy is made', async () => {
  const { send, bucket, versions } = await openThrough();
  await send('PUT', 'a', 'one');
  bucket.store.faults.set({ errorRate: 1, only: ['CopyObject'] });
  expect(await send('PUT', 'a', 'two')).toBe(503);
  expect(await send('DELETE', 'a')).toBe(503);
  expect(await bucket.get('a')).toBe('one');
  bucket.store.faults.set({ errorRate: 1, only: ['PutObject', 'DeleteObject'] });
  for (let attempt = 0; attempt < 3; attempt += 1) expect(await send('PUT', 'a', 'two')).toBe(503);
  bucket.store.faults.clear();
  expect(await send('PUT', 'a', 'two')).toBe(200);
  expect(await versions()).toEqual([{ path: 'a', reason: 'replaced', content: 'one' }]);
});

test('only who has the token is served, and nothing that would pass unseen', async () => {
  const { gateway, bucket, ask } = await openThrough();
  await bucket.put('a', 'one');
  const { remote } = gateway;
  const path = `${remote.endpoint}/${bucket.access.bucket}/a`;
  const stranger = new AwsClient({ ...remote, sessionToken: 'a'.repeat(43), service: 's3' });
  for (const method of ['GET', 'PUT', 'DELETE']) {
    expect((await stranger.fetch(path, { method })).status).toBe(403);
  }
  expect((await fetch(path)).status).toBe(403);
  const owner = new AwsClient({ ...remote, service: 's3', retries: 0 });
  expect((await owner.fetch(`${remote.endpoint}/another-bucket/a`)).status).toBe(403);
  expect((await ask('POST', '?delete', '<Delete/>')).status).toBe(501);
  expect((await ask('DELETE', '')).status).toBe(501);
  expect(await bucket.get('a')).toBe('one');
});

test('old copies go when their time is over, and nothing else does', async () => {
  const day = 24 * 3_600_000;
  const now = Date.UTC(2026, 10, 22);
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };
  const bucket = await startTestBucket();
  onTestFinished(() => bucket[Symbol.asyncDispose]());
  const old = versionKey('a', now - 31 * day, 'replaced', '"x"');
  const young = versionKey('a', now - 29 * day, 'deleted', '"x"');
  for (const key of [old, young, '.cloud-versions/mine', 'a']) await bucket.put(key, 'x');
  const gateway = await startGateway(bucket.access, {
    ...{ clock, versionDays: 30, onError: () => undefined },
  });
  onTestFinished(() => gateway.close());
  await expect.poll(() => bucket.get(old)).toBeUndefined();
  for (const key of [young, '.cloud-versions/mine', 'a']) expect(await bucket.get(key)).toBe('x');
});

test('the name of a copy says of which file, when and why; however long the name', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }),
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
      fc.constantFrom('replaced' as const, 'deleted' as const),
      (path, at, reason) => {
        const key = versionKey(path, at, reason, '"etag"');
        expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1024);
        const parsed = parseVersionKey(key);
        expect(parsed).toMatchObject({ at, reason });
        if (Buffer.byteLength(path) <= 900) expect(parsed?.path).toBe(path);
      },
    ),
  );
  expect(parseVersionKey('.cloud-versions/a/b')).toBeUndefined();
});
