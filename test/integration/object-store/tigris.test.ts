import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import {
  createBucket,
  createBucketSnapshot,
  get,
  getBucketInfo,
  list,
  listBucketSnapshots,
  listVersions,
  move,
  purgeDeletedObject,
  put,
  remove,
  removeBucket,
  restoreDeletedObject,
  setBucketNotifications,
} from '@tigrisdata/storage';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ADMIN, errorOf, openStore, type TestStore } from './support.ts';

// The calls below are Tigris's own SDK, so they show that what it sends is understood here.

const bucket = 'notes';

function configOf({ store }: TestStore) {
  return { ...ADMIN, endpoint: store.url, bucket, forcePathStyle: true };
}

/** The data of an SDK call; its error is the test's. */
async function ok<T>(call: Promise<{ data?: T; error?: Error }>): Promise<T> {
  const { data, error } = await call;
  if (error !== undefined) throw error;
  return data as T;
}

describe('snapshots', () => {
  it('show a bucket as it was, also at a time when none was taken', async () => {
    let now = Date.parse('2026-06-01T10:00:00Z');
    const realOffset = Date.now() - now;
    const opened = await openStore({
      clock: { now: () => now + realOffset, sleep: () => Promise.resolve() },
    });
    const config = configOf(opened);
    await ok(createBucket(bucket, { enableSnapshot: true, config }));
    expect((await ok(getBucketInfo(bucket, { config }))).isSnapshotEnabled).toBe(true);
    await ok(put('a', 'one', { config, allowOverwrite: true }));
    await ok(put('gone', 'x', { config }));
    now += 1000;
    const { snapshotVersion } = await ok(createBucketSnapshot(bucket, { name: 'first', config }));
    now += 1000;
    const between = `${now + realOffset}000000`;
    now += 1000;
    await ok(put('a', 'two', { config, allowOverwrite: true }));
    await ok(remove('gone', { config }));
    await ok(put('new', 'x', { config }));
    expect((await ok(listBucketSnapshots(bucket, { config }))).snapshots).toEqual([
      expect.objectContaining({ name: 'first', version: snapshotVersion }),
    ]);
    for (const version of [snapshotVersion, between]) {
      const at = { config, snapshotVersion: version };
      expect(await ok(get('a', 'string', at))).toBe('one');
      expect((await ok(list(at))).items.map(({ name }) => name)).toEqual(['a', 'gone']);
      expect((await get('new', 'string', at)).error).toBeDefined();
    }
    expect(await ok(get('a', 'string', { config }))).toBe('two');
    expect((await ok(list({ config }))).items.map(({ name }) => name)).toEqual(['a', 'new']);
  });

  it('keep large bodies that were overwritten, renamed or deleted', async () => {
    const opened = await openStore();
    const config = configOf(opened);
    await ok(createBucket(bucket, { enableSnapshot: true, config }));
    const body = 'z'.repeat(200_000);
    for (const key of ['over', 'moved', 'gone']) await ok(put(key, body, { config }));
    const { snapshotVersion } = await ok(createBucketSnapshot(bucket, { config }));
    await ok(put('over', 'new', { config, allowOverwrite: true }));
    await ok(move('moved', 'there', { config }));
    await ok(remove('gone', { config }));
    for (const key of ['over', 'moved', 'gone']) {
      expect(await ok(get(key, 'string', { config, snapshotVersion }))).toBe(body);
    }
    expect(await ok(get('there', 'string', { config }))).toBe(body);
  });

  it('list every version and the marks of deletes, by pages, and read each by its id', async () => {
    const opened = await openStore();
    const config = configOf(opened);
    await ok(createBucket(bucket, { enableSnapshot: true, config }));
    for (const body of ['one', 'two']) await ok(put('a', body, { config, allowOverwrite: true }));
    await ok(remove('a', { config }));
    await ok(put('a', 'three', { config }));
    await ok(put('b', 'only', { config }));
    await ok(remove('b', { config }));
    const all = await ok(listVersions({ config }));
    const shown = all.versions.map(({ name, isLatest, size }) => ({ name, isLatest, size }));
    expect(shown).toEqual([
      { name: 'a', isLatest: true, size: 5 },
      { name: 'a', isLatest: false, size: 3 },
      { name: 'a', isLatest: false, size: 3 },
      { name: 'b', isLatest: false, size: 4 },
    ]);
    expect(all.deleteMarkers.map(({ name, isLatest }) => ({ name, isLatest }))).toEqual([
      { name: 'a', isLatest: false },
      { name: 'b', isLatest: true },
    ]);
    const texts: string[] = [];
    for (const { name, versionId } of all.versions) {
      texts.push(await ok(get(name, 'string', { config, versionId: versionId! })));
      // An id is a time too: a snapshot of that moment has the version.
      expect(await ok(get(name, 'string', { config, snapshotVersion: versionId! }))).toBe(
        texts.at(-1),
      );
    }
    expect(texts).toEqual(['three', 'two', 'one', 'only']);
    const paged: (string | undefined)[] = [];
    let after: { keyMarker?: string; versionIdMarker?: string } = {};
    for (let pages = 1; ; pages += 1) {
      const page = await ok(listVersions({ config, limit: 1, ...after }));
      paged.push(...[...page.versions, ...page.deleteMarkers].map(({ versionId }) => versionId));
      if (!page.hasMore) break;
      expect(pages).toBeLessThan(10);
      after = { keyMarker: page.nextKeyMarker!, versionIdMarker: page.nextVersionIdMarker! };
    }
    const ids = [...all.versions, ...all.deleteMarkers].map(({ versionId }) => versionId);
    expect(paged.toSorted()).toEqual(ids.toSorted());
    expect((await get('b', 'string', { config, versionId: '1' })).error).toBeDefined();
  });

  it('need a bucket that keeps them', async () => {
    const opened = await openStore();
    const config = configOf(opened);
    await ok(createBucket(bucket, { config }));
    expect((await createBucketSnapshot(bucket, { config })).error?.message).toMatch(/not enabled/);
  });
});

describe('soft delete', () => {
  async function openSoft(clock?: { now: () => number }) {
    const opened = await openStore(
      clock && { clock: { ...clock, sleep: () => Promise.resolve() } },
    );
    const config = configOf(opened);
    await opened.fetch(`/${bucket}`, { method: 'PUT', headers: { 'x-tigris-soft-delete': '7' } });
    for (const size of [1, 100_000]) {
      await ok(put(`k${size}`, 'v'.repeat(size), { config }));
      await ok(remove(`k${size}`, { config }));
    }
    return { ...opened, config };
  }

  it('lists, restores and purges what was deleted', async () => {
    const { config, s3 } = await openSoft();
    expect((await ok(getBucketInfo(bucket, { config }))).settings.softDelete).toEqual({
      enabled: true,
      retentionDays: 7,
    });
    expect((await ok(list({ config }))).items).toEqual([]);
    expect((await ok(list({ config, deleted: true }))).items.map(({ name }) => name)).toEqual([
      'k1',
      'k100000',
    ]);
    const { versions } = await ok(listVersions({ config, deleted: true }));
    const [small, large] = versions.map(({ versionId }) => versionId!);
    await ok(restoreDeletedObject('k100000', large!, { config }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'k100000' }));
    expect(await Body!.transformToString()).toBe('v'.repeat(100_000));
    await ok(purgeDeletedObject('k1', small!, { config }));
    expect((await restoreDeletedObject('k1', small!, { config })).error).toBeDefined();
    expect((await ok(list({ config, deleted: true }))).items).toEqual([]);
  });

  it('ends after the days it was set to, and is set by PATCH too', async () => {
    let now = Date.now();
    const { config, store, folder } = await openSoft({ now: () => now });
    expect((await ok(list({ config, deleted: true }))).items).toHaveLength(2);
    await store.close();
    now += 7 * 86_400_000 + 1;
    const clock = { now: () => now, sleep: () => Promise.resolve() };
    const later = await openStore({ folder, clock });
    // The SDK corrects its clock by the refusal's Date; what was deleted ended at the start.
    now = Date.now();
    const after = await ok(list({ config: configOf(later), deleted: true }));
    expect(after.items).toEqual([]);
    const patch = (days: number) =>
      later.fetch(`/${bucket}`, {
        method: 'PATCH',
        body: JSON.stringify({ soft_delete: { enabled: true, retention_days: days } }),
      });
    expect((await patch(91)).status).toBe(400);
    expect((await patch(30)).status).toBe(200);
    const info = await ok(getBucketInfo(bucket, { config: configOf(later) }));
    expect(info.settings.softDelete).toEqual({ enabled: true, retentionDays: 30 });
  });
});

describe('rename', () => {
  it('moves an object in one step', async () => {
    const opened = await openStore();
    const config = configOf(opened);
    await ok(createBucket(bucket, { config }));
    for (const size of [5, 300_000]) {
      const body = 'r'.repeat(size);
      await ok(put('from', body, { config, contentType: 'text/x-test' }));
      await ok(move('from', 'to/ü', { config }));
      expect(await ok(get('to/ü', 'string', { config }))).toBe(body);
      expect((await get('from', 'string', { config })).error).toBeDefined();
      await ok(remove('to/ü', { config }));
    }
    expect((await move('absent', 'x', { config })).error).toBeDefined();
  });
});

describe('buckets', () => {
  it('tell their regions and go with force', async () => {
    const opened = await openStore();
    const config = configOf(opened);
    const locations = { type: 'single', values: 'fra' } as const;
    await ok(createBucket(bucket, { locations, config }));
    expect((await ok(getBucketInfo(bucket, { config }))).locations).toEqual(locations);
    await ok(put('k', 'x'.repeat(100_000), { config }));
    expect((await removeBucket(bucket, { config })).error).toBeDefined();
    await ok(removeBucket(bucket, { force: true, config }));
    await ok(createBucket(bucket, { config }));
    expect((await ok(list({ config }))).items).toEqual([]);
  });
});

interface Delivery {
  authorization: string | undefined;
  events: {
    eventName: string;
    bucket: string;
    object: { key: string; size: number; eTag: string };
  }[];
}

/** A webhook that answers with the given statuses, the last one for ever. */
async function openWebhook(statuses = [200]) {
  const deliveries: Delivery[] = [];
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const { events } = JSON.parse(body) as Pick<Delivery, 'events'>;
      deliveries.push({ authorization: request.headers.authorization, events });
      response.statusCode = (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200;
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const events = () => deliveries.flatMap((delivery) => delivery.events);
  return { url: `http://127.0.0.1:${port}/hook`, deliveries, events };
}

async function readAll(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

describe('notifications', () => {
  async function openNotifying(webhook: { url: string }, notification: object) {
    const opened = await openStore({
      clock: { now: () => Date.now(), sleep: () => Promise.resolve() },
    });
    const config = configOf(opened);
    await ok(createBucket(bucket, { config }));
    const notificationConfig = { enabled: true, url: webhook.url, ...notification };
    await ok(setBucketNotifications(bucket, { notificationConfig, config }));
    return { ...opened, config };
  }

  it('tell what happened, with the token', async () => {
    const webhook = await openWebhook();
    const { s3, config } = await openNotifying(webhook, { auth: { token: 'T+/=' } });
    const { ETag } = await s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: 'a ü', Body: 'hello' }),
    );
    await ok(move('a ü', 'b', { config }));
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'b' }));
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'never there' }));
    await expect.poll(() => webhook.events().length).toBe(3);
    const names = webhook.events().map(({ eventName, object }) => `${eventName} ${object.key}`);
    expect(new Set(names)).toEqual(
      new Set(['OBJECT_CREATED_PUT a ü', 'OBJECT_RENAME b', 'OBJECT_DELETED b']),
    );
    expect(webhook.deliveries[0]!.authorization).toBe('Bearer T+/=');
    expect(webhook.events().find(({ eventName }) => eventName === 'OBJECT_CREATED_PUT')).toEqual({
      eventVersion: '1',
      eventSource: 'tigris',
      eventName: 'OBJECT_CREATED_PUT',
      eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      bucket,
      object: { key: 'a ü', size: 5, eTag: ETag!.replaceAll('"', '') },
    });
  });

  it('pass the filter only, with a name and password', async () => {
    const webhook = await openWebhook();
    const { s3 } = await openNotifying(webhook, {
      filter: 'WHERE `key` REGEXP "^notes/"',
      auth: { username: 'u', password: 'p' },
    });
    for (const Key of ['other/a', 'notes/b', 'x']) {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }));
    }
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'notes/last', Body: 'x' }));
    await expect.poll(() => webhook.events().length).toBe(2);
    const keys = webhook.events().map(({ object }) => object.key);
    expect(new Set(keys)).toEqual(new Set(['notes/b', 'notes/last']));
    const basic = Buffer.from('u:p').toString('base64');
    expect(webhook.deliveries[0]!.authorization).toBe(`Basic ${basic}`);
  });

  it('are sent again until they are taken, four times at most', async () => {
    const webhook = await openWebhook([500, 503, 200]);
    const { s3 } = await openNotifying(webhook, {});
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'x' }));
    await expect.poll(() => webhook.deliveries.length).toBe(3);
    const broken = await openWebhook([500]);
    const second = await openNotifying(broken, {});
    await second.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'x' }));
    await expect.poll(() => broken.deliveries.length).toBe(4);
    await second.store.close();
    expect(broken.deliveries).toHaveLength(4);
  });

  it('are refused when they could not be carried out, and end when cleared', async () => {
    const webhook = await openWebhook();
    const opened = await openNotifying(webhook, {});
    const patch = async (body: unknown) => {
      const response = await opened.fetch(`/${bucket}`, {
        method: 'PATCH',
        body: JSON.stringify(body),
      });
      return response.status;
    };
    const bad = (more: object) => ({
      object_notifications: { enabled: true, web_hook: webhook.url, ...more },
    });
    expect(await patch(bad({ web_hook: 'ftp://x' }))).toBe(400);
    expect(await patch(bad({ filter: 'WHERE size > 3' }))).toBe(400);
    expect(await patch({ acl_settings: {} })).toBe(501);
    expect(await patch({ object_notifications: {} })).toBe(200);
    await opened.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'x' }));
    await opened.store.close();
    expect(webhook.deliveries).toEqual([]);
  });

  it('do not show the webhook’s secret to who reads the settings', async () => {
    const webhook = await openWebhook();
    const { fetch } = await openNotifying(webhook, { auth: { token: 'very secret' } });
    const text = await (await fetch(`/${bucket}?metadata`)).text();
    expect(text).toContain(webhook.url);
    expect(text).not.toContain('very secret');
  });
});

it('what Tigris has and this store has not answers NotImplemented', async () => {
  const opened = await openStore();
  const config = configOf(opened);
  await ok(createBucket(bucket, { config }));
  const fork = await createBucket('fork', { sourceBucketName: bucket, config });
  expect(fork.error?.message).toMatch(/not implemented/i);
  const { s3 } = opened;
  expect(await errorOf(s3.send(new ListObjectsV2Command({ Bucket: 'fork' })))).toBe('NoSuchBucket');
});
