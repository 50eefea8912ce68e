import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import type { MountCredentialWithSecret } from '../../../src/api/contract/mount.ts';
import { followEvents, type StreamItem } from '../../../src/api/event-stream.ts';
import { startObjectStore } from '../../../src/object-store/index.ts';
import { webhookToken } from '../../../src/server/events/webhook.ts';
import { adjustableClock, type AdjustableClock } from '../../support/adjustable-clock.ts';
import { readEvents, type EventReader } from '../../support/event-reader.ts';
import { s3ClientFor } from '../../support/s3-client.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';
import { cut, withTrouble } from '../../support/storage-trouble.ts';

let clock: AdjustableClock;
beforeEach(() => {
  clock = adjustableClock();
});

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startTestServer({ tenants: ['acme'], clock, ...options });
  onTestFinished(() => server.close());
  return server;
}

async function databaseOf({ dataFolder }: TestServer) {
  const db = await openDatabaseOf({ dataFolder });
  onTestFinished(() => db.destroy());
  return db;
}

const apiOf = (server: TestServer, slug = 'acme') =>
  createApiClient({ server: server.url, token: () => Promise.resolve(server.apiKeyOf(slug)) });

async function tenantOf(server: TestServer, slug = 'acme') {
  const { tenant_id: id, bucket_name: bucket } = await apiOf(server, slug).mountInfo();
  const text = await readFile(join(server.dataFolder, 'server.key'), 'utf8');
  return { id, bucket, token: webhookToken(Buffer.from(text.trim(), 'base64url'), id) };
}

function deliver(server: TestServer, id: string, token: string, body: unknown): Promise<Response> {
  return fetch(`${server.url}/webhooks/tigris/${id}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/plain' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const notification = (bucket: string, key: string, more: object = {}) => ({
  eventVersion: '1',
  eventSource: 'tigris',
  eventName: 'OBJECT_CREATED_PUT',
  eventTime: '2026-01-02T03:04:05.000Z',
  bucket,
  object: { key, size: 3, eTag: '"abc"' },
  ...more,
});

const sync = (server: TestServer, body?: unknown, slug = 'acme') =>
  fetch(`${server.url}/tenant/sync`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.apiKeyOf(slug)}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

async function take(reader: EventReader, count: number) {
  const messages = [];
  for (let index = 0; index < count; index += 1) messages.push((await reader.next())!);
  return messages;
}

describe('GET /tenant/events', () => {
  it('greets at once with a position, and is not to be cached or held back', async () => {
    const server = await start();
    const reader = await readEvents(server.url, server.apiKeyOf('acme'));
    expect(reader.status).toBe(200);
    expect(Object.fromEntries(reader.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': expect.any(String) as string,
    });
    expect(await reader.next()).toEqual({
      type: 'hello',
      heartbeat_ms: 15_000,
      position: '0-start',
    });
  });

  it('is for credentials of a tenant only', async () => {
    const server = await start();
    const ask = async (authorization?: string) =>
      (
        await fetch(
          `${server.url}/tenant/events`,
          authorization ? { headers: { authorization } } : {},
        )
      ).status;
    expect(await ask()).toBe(401);
    expect(await ask(`Bearer ${server.adminToken}`)).toBe(403);
  });

  it('resumes after the event that is named, and says what it cannot resume', async () => {
    const server = await start();
    const token = server.apiKeyOf('acme');
    const first = await readEvents(server.url, token);
    await first.next();
    for (const key of ['a', 'b', 'c']) await sync(server, { changes: [{ key }] });
    const events = await take(first, 3);
    expect(events).toMatchObject(['a', 'b', 'c'].map((key) => ({ key, source: 'client' })));
    first.close();

    const [a, , c] = events;
    const resumed = await readEvents(server.url, token, a!.position);
    expect(await take(resumed, 3)).toMatchObject([
      { type: 'hello', position: undefined },
      { key: 'b' },
      { key: 'c', position: c!.position },
    ]);
    const everything = await readEvents(server.url, token, '0-start');
    expect(await take(everything, 4)).toMatchObject([
      { type: 'hello' },
      { key: 'a' },
      { key: 'b' },
      { key: 'c' },
    ]);
    const unknown = [
      a!.position!.replace(/-.*/, '-AAAAAAAA'),
      '99-AAAAAAAA',
      'what',
      '-1-AAAAAAAA',
      '1e3-AAAAAAAA',
    ];
    for (const position of unknown) {
      const reader = await readEvents(server.url, token, position);
      expect(await take(reader, 2)).toMatchObject([
        { type: 'hello', position: undefined },
        { type: 'resync', reason: 'position-unknown', position: c!.position },
      ]);
      await sync(server, { changes: [{ key: position }] });
      expect(await reader.next()).toMatchObject({ key: position });
      c!.position = (await (async () => {
        const end = await readEvents(server.url, token);
        return end.next();
      })())!.position;
    }
  });

  it('keeps a bounded log: who was away too long is told', async () => {
    const server = await start();
    const db = await databaseOf(server);
    const token = server.apiKeyOf('acme');
    const reader = await readEvents(server.url, token);
    await reader.next();
    for (const key of ['a', 'b']) await sync(server, { changes: [{ key }] });
    const [a, b] = await take(reader, 2);
    clock.advance(8 * 86_400_000);
    // The newest stays, or nobody could say any more where a client was.
    await expect
      .poll(
        async () => {
          await server.server.upkeep();
          return (await db.selectFrom('tenant_events').select('seq').execute()).map(
            ({ seq }) => seq,
          );
        },
        { timeout: 20_000 },
      )
      .toEqual([2]);
    const late = await readEvents(server.url, token, a!.position);
    expect(await take(late, 2)).toMatchObject([
      { type: 'hello' },
      { type: 'resync', reason: 'position-too-old', position: b!.position },
    ]);
    const inTime = await readEvents(server.url, token, b!.position);
    await inTime.next();
    await sync(server, {});
    expect(await inTime.next()).toMatchObject({ type: 'sync-requested' });
  });

  it('beats when nothing happens', async () => {
    const server = await start();
    const reader = await readEvents(server.url, server.apiKeyOf('acme'));
    await reader.next();
    const later = reader.next();
    clock.advance(15_000);
    await expect.poll(() => reader.text(), { timeout: 10_000 }).toContain(':\n\n');
    await sync(server, {});
    expect(await later).toMatchObject({ type: 'sync-requested' });
  });

  it('ends when the credential, the tenant or the policy loses its right', async () => {
    const server = await start({ tenants: ['acme', 'other', 'third'] });
    const db = await databaseOf(server);
    const readers = new Map<string, EventReader>();
    for (const slug of ['acme', 'other', 'third']) {
      const { access_token: token } = await createApiClient({
        server: server.url,
      }).exchangeApiKey(server.apiKeyOf(slug));
      const reader = await readEvents(server.url, token);
      await reader.next();
      readers.set(slug, reader);
    }
    const { id } = await tenantOf(server, 'other');
    await db
      .updateTable('credentials')
      .set({ revoked_at: new Date().toISOString() })
      .where('label', 'like', '%acme%')
      .execute();
    await db
      .updateTable('tenant_policies')
      .set({ policy: 'denied' })
      .where('tenant_id', '=', id)
      .execute();
    // Past the ten minutes of the token itself, which does not count here.
    clock.advance(700_000);
    expect(await readers.get('acme')!.next()).toBeUndefined();
    expect(await readers.get('other')!.next()).toBeUndefined();
    expect(readers.get('acme')!.text()).toContain('retry: 0\n\n');
    await sync(server, {}, 'third');
    expect(await readers.get('third')!.next()).toMatchObject({ type: 'sync-requested' });
  });

  it('tells that a bucket key was revoked, or will end', async () => {
    const server = await start();
    const api = apiOf(server);
    const reader = await readEvents(server.url, server.apiKeyOf('acme'));
    await reader.next();
    const key = await api.createMountCredential({});
    await api.revokeMountCredential(key.id);
    expect(await reader.next()).toMatchObject({
      type: 'credential-revoked',
      credential_id: key.id,
    });
    const short = await api.createMountCredential({ expires_in: 7200 });
    await server.server.upkeep();
    await server.server.upkeep();
    expect(await reader.next()).toMatchObject({
      type: 'credential-expiring',
      credential_id: short.id,
      expires_at: short.expires_at,
    });
    await sync(server, {});
    expect(await reader.next()).toMatchObject({ type: 'sync-requested' });
  });

  it('cuts a client that takes nothing, which then loses nothing', async () => {
    const server = await start();
    const token = server.apiKeyOf('acme');
    const { port } = new URL(server.url);
    const socket = connect(Number(port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.write(
      `GET /tenant/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`,
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    // As much as no pair of sockets holds, but less than the log keeps.
    const { id, bucket, token: webhook } = await tenantOf(server);
    const ended = () => server.logs().includes('nobody reads it');
    let sent = 0;
    while (!ended() && sent < 9800) {
      const events = Array.from({ length: 200 }, (_, index) =>
        notification(bucket, '漢'.repeat(1024), {
          eventTime: new Date(Date.UTC(2026, 0, 1, 0, 0, sent + index)).toISOString(),
        }),
      );
      expect((await deliver(server, id, webhook, { events })).status).toBe(204);
      sent += events.length;
      clock.advance(16_000);
    }
    await expect.poll(ended, { timeout: 20_000 }).toBe(true);
    const resumed = await readEvents(server.url, token, '0-start');
    await resumed.next();
    await take(resumed, sent);
    socket.resume();
    await closed;
  });

  it('ends when the server stops, and goes on after the restart where it was', async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'cloud-events-'));
    onTestFinished(() => rm(dataFolder, { recursive: true, force: true }));
    const before = await startTestServer({ tenants: ['acme'], dataFolder });
    const token = before.apiKeyOf('acme');
    const reader = await readEvents(before.url, token);
    await reader.next();
    await sync(before, { changes: [{ key: 'a' }] });
    await sync(before, { changes: [{ key: 'b' }] });
    const [a] = await take(reader, 2);
    await before.close();
    expect(await reader.next()).toBeUndefined();
    expect(reader.text()).toMatch(/retry: \d{3,4}\n\n$/);

    const after = await startTestServer({ dataFolder });
    onTestFinished(() => after.close());
    const resumed = await readEvents(after.url, token, a!.position);
    expect(await take(resumed, 2)).toMatchObject([{ type: 'hello' }, { key: 'b' }]);
  });
});

describe('POST /webhooks/tigris/{tenant_id}', () => {
  it('takes every name, leaves out what it knows already and what it does not know', async () => {
    const server = await start();
    const { id, bucket, token } = await tenantOf(server);
    const reader = await readEvents(server.url, server.apiKeyOf('acme'));
    await reader.next();
    const names = {
      OBJECT_CREATED_PUT: 'put',
      OBJECT_CREATED_MULTIPART: 'multipart',
      OBJECT_CREATED_COPY: 'copy',
      OBJECT_DELETED: 'delete',
      OBJECT_RENAME: 'rename',
      OBJECT_TRANSITIONED: 'transition',
    };
    const events = [...Object.keys(names), 'OBJECT_ASTONISHED', 'toString'].map((eventName) =>
      notification(bucket, 'ä/b c', { eventName }),
    );
    const all = await deliver(server, id, token, { events });
    expect(all.status).toBe(204);
    expect((await deliver(server, id, token, { events: events.toReversed() })).status).toBe(204);
    const later = notification(bucket, 'ä/b c', { eventTime: '2026-01-02T03:04:06.000Z' });
    const untimed = notification(bucket, 'x', { eventTime: undefined, object: { key: 'x' } });
    await deliver(server, id, token, { events: [later, later, untimed] });
    const got = await take(reader, 8);
    expect(got.slice(0, 6).map((event) => 'change' in event && event.change)).toEqual(
      Object.values(names),
    );
    expect(got[0]).toEqual({
      id: got[0]!.position,
      position: got[0]!.position,
      type: 'object-changed',
      key: 'ä/b c',
      change: 'put',
      etag: 'abc',
      size: 3,
      source: 'storage',
      at: '2026-01-02T03:04:05.000Z',
    });
    expect(got[6]).toMatchObject({ at: '2026-01-02T03:04:06.000Z' });
    expect(got[7]).toMatchObject({ key: 'x' });
    expect(server.logs()).toContain('OBJECT_ASTONISHED');
  });

  it('refuses another token, tenant, bucket or body', async () => {
    const server = await start({ tenants: ['acme', 'other'] });
    const acme = await tenantOf(server);
    const other = await tenantOf(server, 'other');
    const body = { events: [notification(acme.bucket, 'a')] };
    const status = async (...args: Parameters<typeof deliver>) => (await deliver(...args)).status;
    expect(await status(server, acme.id, other.token, body)).toBe(401);
    expect(await status(server, acme.id, '', body)).toBe(401);
    expect(await status(server, acme.id, server.apiKeyOf('acme'), body)).toBe(401);
    expect(await status(server, 'nobody', acme.token, body)).toBe(401);
    expect(await status(server, other.id, other.token, body)).toBe(403);
    expect(await status(server, acme.id, acme.token, '{')).toBe(400);
    expect(await status(server, acme.id, acme.token, { events: [{}] })).toBe(422);
    expect(await status(server, acme.id, acme.token, 'x'.repeat(2_000_000))).toBe(413);
    const without = await fetch(`${server.url}/webhooks/tigris/${acme.id}`, { method: 'POST' });
    expect(without.status).toBe(401);
    expect(
      await (await databaseOf(server)).selectFrom('tenant_events').select('seq').execute(),
    ).toEqual([]);
  });
});

describe('POST /tenant/sync', () => {
  it('tells the others what was uploaded and by whom', async () => {
    const server = await start();
    const reader = await readEvents(server.url, server.apiKeyOf('acme'));
    await reader.next();
    const change = { key: 'a', etag: '"e"', size: 1, change: 'rename', from: 'b' };
    expect((await sync(server, { origin: 'laptop', changes: [change] })).status).toBe(204);
    expect(await reader.next()).toMatchObject({ ...change, etag: 'e', origin: 'laptop' });
    expect((await sync(server)).status).toBe(204);
    expect(await reader.next()).toMatchObject({ type: 'sync-requested' });
  });

  it('tells the address of the tenant too, but none in a private network', async () => {
    const server = await start();
    const admin = createApiClient({
      server: server.url,
      token: () => Promise.resolve(server.adminToken),
    });
    const { api_key: key } = await admin.createTenant({
      slug: 'told',
      name: 'Told',
      issue_api_key: true,
      sync_url: 'https://localhost:1/sync',
    });
    const refused = { slug: 'plain', name: 'x', sync_url: 'http://service.example/' };
    await expect(admin.createTenant(refused)).rejects.toMatchObject({
      details: { status: 422, field: 'sync_url' },
    });
    const told = await fetch(`${server.url}/tenant/sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key!}` },
    });
    expect(told.status).toBe(204);
    await expect.poll(() => server.logs()).toContain('leads to a private address');
  });

  it.each([
    [{ changes: Array.from({ length: 201 }, () => ({ key: 'a' })) }],
    [{ changes: [{ key: '' }] }],
    [{ changes: [{ key: 'a', etag: 'x'.repeat(200) }] }],
    [{ origin: 'a\nb' }],
    [{ unknown: 1 }],
  ])('refuses %#', async (body) => {
    const server = await start();
    expect((await sync(server, body)).status).toBe(422);
  });
});

describe('what happens in the bucket arrives', () => {
  async function follow(server: TestServer) {
    const abort = new AbortController();
    const items = followEvents({
      server: server.url,
      token: () => Promise.resolve(server.apiKeyOf('acme')),
      signal: abort.signal,
    });
    onTestFinished(async () => {
      abort.abort();
      await items.return();
    });
    const next = async () => (await items.next()).value as StreamItem;
    expect(await next()).toMatchObject({ type: 'open' });
    expect(await next()).toMatchObject({ type: 'gap' });
    return next;
  }

  const s3For = (credential: MountCredentialWithSecret) => {
    const s3 = s3ClientFor(credential);
    onTestFinished(() => s3.destroy());
    return s3;
  };

  it('put, multipart, copy, rename and delete, with the real store', async () => {
    const server = await start();
    const credential = await apiOf(server).createMountCredential({});
    const s3 = s3For(credential);
    const Bucket = credential.bucket_name;
    const next = await follow(server);
    const expectEvent = async (key: string, change: string) => {
      expect(await next()).toMatchObject({
        type: 'event',
        event: { key, change, source: 'storage' },
      });
    };
    const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'a ü', Body: 'hello' }));
    const put = await next();
    expect(put).toMatchObject({
      type: 'event',
      event: { key: 'a ü', change: 'put', size: 5, etag: ETag!.replaceAll('"', '') },
    });
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'm' }));
    const part = { Bucket, Key: 'm', UploadId, PartNumber: 1 };
    const uploaded = await s3.send(new UploadPartCommand({ ...part, Body: 'parts' }));
    await s3.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key: 'm',
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: uploaded.ETag }] },
      }),
    );
    await expectEvent('m', 'multipart');
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'c', CopySource: `${Bucket}/m` }));
    await expectEvent('c', 'copy');
    const rename = new CopyObjectCommand({ Bucket, Key: 'r', CopySource: `${Bucket}/c` });
    rename.middlewareStack.add(
      (handler) => (args) => {
        (args.request as { headers: Record<string, string> }).headers['x-tigris-rename'] = 'true';
        return handler(args);
      },
      { step: 'build' },
    );
    await s3.send(rename);
    await expectEvent('r', 'rename');
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'a ü' }));
    await expectEvent('a ü', 'delete');
  });

  it('after the server has moved to another port, and to a tenant from before', async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'cloud-events-'));
    onTestFinished(() => rm(dataFolder, { recursive: true, force: true }));
    const before = await startTestServer({ tenants: ['acme'], dataFolder });
    const token = before.apiKeyOf('acme');
    const credential = await apiOf(before).createMountCredential({});
    await before.close();
    // As a tenant that was made before there were events.
    const db = await openDatabaseOf({ dataFolder });
    await db.updateTable('tenants').set({ webhook: null }).execute();
    await db.destroy();
    const after = await startTestServer({ dataFolder });
    onTestFinished(() => after.close());
    const reader = await readEvents(after.url, token);
    await reader.next();
    const s3 = s3For(credential);
    await s3.send(new PutObjectCommand({ Bucket: credential.bucket_name, Key: 'k', Body: 'x' }));
    expect(await reader.next()).toMatchObject({ key: 'k', change: 'put' });
  });

  it('is told when the server stops at once after it; a kill is a gap', async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), 'cloud-events-'));
    onTestFinished(() => rm(dataFolder, { recursive: true, force: true }));
    const first = await startTestServer({ tenants: ['acme'], dataFolder });
    const token = first.apiKeyOf('acme');
    const credential = await apiOf(first).createMountCredential({});
    const s3 = s3For(credential);
    await s3.send(new PutObjectCommand({ Bucket: credential.bucket_name, Key: 'k', Body: 'x' }));
    await first.close();
    const mark = join(dataFolder, 'delivering');
    await expect(stat(mark)).rejects.toThrow('ENOENT');

    const second = await startTestServer({ dataFolder });
    const reader = await readEvents(second.url, token, '0-start');
    expect(await take(reader, 2)).toMatchObject([{ type: 'hello' }, { key: 'k' }]);
    await stat(mark);
    await second.close();

    // What a kill leaves behind.
    await writeFile(mark, '');
    const third = await startTestServer({ dataFolder });
    onTestFinished(() => third.close());
    const told = await readEvents(third.url, token, '0-start');
    expect(await take(told, 3)).toMatchObject([
      { type: 'hello' },
      { key: 'k' },
      { type: 'resync', reason: 'events-lost' },
    ]);
  });

  it('a storage elsewhere may have gone unheard while no server ran', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloud-events-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const admin = { accessKeyId: 'tid_admin', secretAccessKey: 'tsec_admin' };
    const store = await startObjectStore({ folder: join(folder, 'store'), admin });
    onTestFinished(() => store.close());
    const dataFolder = join(folder, 'server');
    const env = {
      CLOUD_SERVER_STORAGE_S3_ENDPOINT: store.url,
      CLOUD_SERVER_STORAGE_IAM_ENDPOINT: store.url,
      CLOUD_SERVER_STORAGE_ACCESS_KEY_ID: admin.accessKeyId,
      CLOUD_SERVER_STORAGE_SECRET_ACCESS_KEY: admin.secretAccessKey,
    };
    const first = await startTestServer({ tenants: ['acme'], dataFolder, env });
    const token = first.apiKeyOf('acme');
    expect(first.logs()).toContain('CLOUD_SERVER_PUBLIC_URL is not set');
    const reader = await readEvents(first.url, token);
    const { position } = (await reader.next())!;
    await first.close();
    const second = await startTestServer({ dataFolder, env });
    const told = await readEvents(second.url, token, position);
    expect(await take(told, 2)).toMatchObject([
      { type: 'hello' },
      { type: 'resync', reason: 'events-lost' },
    ]);
    await second.close();
    const CLOUD_SERVER_PUBLIC_URL = 'https://cloud.example';
    const third = await startTestServer({ dataFolder, env: { ...env, CLOUD_SERVER_PUBLIC_URL } });
    onTestFinished(() => third.close());
    await expect.poll(() => third.logs()).toContain('"job":"notifications","set":1');
  });

  it('is not waited for: a bucket that cannot be told does not stop the server', async () => {
    let refuse = true;
    const dataFolder = await mkdtemp(join(tmpdir(), 'cloud-events-'));
    onTestFinished(() => rm(dataFolder, { recursive: true, force: true }));
    const before = await startTestServer({ tenants: ['acme'], dataFolder });
    const token = before.apiKeyOf('acme');
    const credential = await apiOf(before).createMountCredential({});
    await before.close();
    const after = await startTestServer({
      dataFolder,
      wrapStorage: (storage) =>
        withTrouble(storage, (method) => {
          if (refuse && method === 'setNotifications') throw cut(method);
        }),
    });
    onTestFinished(() => after.close());
    expect(after.logs()).toContain('could not be set');
    refuse = false;
    await after.server.upkeep();
    const reader = await readEvents(after.url, token);
    await reader.next();
    const s3 = s3For(credential);
    await s3.send(new PutObjectCommand({ Bucket: credential.bucket_name, Key: 'k', Body: 'x' }));
    expect(await reader.next()).toMatchObject({ key: 'k' });
  });
});
