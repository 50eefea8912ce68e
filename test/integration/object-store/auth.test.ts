import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { AwsClient } from 'aws4fetch';
import { createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { sha256Hex, signingKey } from '../../../src/object-store/sigv4.ts';
import { ADMIN, errorOf, openStore, type TestStore } from './support.ts';

const Bucket = 'notes';

async function openWithObject(): Promise<TestStore> {
  const opened = await openStore();
  await opened.s3.send(new CreateBucketCommand({ Bucket }));
  await opened.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'hello' }));
  return opened;
}

/** Sends exactly these bytes and headers. */
function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body = Buffer.alloc(0),
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('who is let in', () => {
  it('nobody without a signature, with an unknown key or with a wrong secret', async () => {
    const { store, s3As } = await openWithObject();
    const anonymous = await fetch(`${store.url}/${Bucket}/k`);
    expect(anonymous.status).toBe(403);
    expect(await anonymous.text()).toContain('<Code>AccessDenied</Code>');
    const get = (accessKeyId: string, secretAccessKey: string) =>
      errorOf(
        s3As({ accessKeyId, secretAccessKey }).send(new GetObjectCommand({ Bucket, Key: 'k' })),
      );
    expect(await get('nobody', 'x')).toBe('InvalidAccessKeyId');
    expect(await get(ADMIN.accessKeyId, 'wrong')).toBe('SignatureDoesNotMatch');
  });

  it('nobody with a clock that is off, either way', async () => {
    let now = Date.now();
    const opened = await openStore({
      clock: { now: () => now, sleep: () => Promise.resolve() },
    });
    for (const minutes of [16, -16]) {
      now = Date.now() + minutes * 60_000;
      const response = await opened.fetch('/');
      expect(response.status).toBe(403);
      expect(await response.text()).toContain('RequestTimeTooSkewed');
    }
  });

  it('whoever holds a presigned URL, for what and as long as it says', async () => {
    let now = Date.now();
    const { fetch: signed, store } = await openStore({
      clock: { now: () => now, sleep: () => Promise.resolve() },
    });
    await signed(`/${Bucket}`, { method: 'PUT' });
    const client = new AwsClient({ ...ADMIN, service: 's3', region: 'auto' });
    const presign = async (method: string): Promise<string> => {
      const url = `${store.url}/${Bucket}/k%20ey?X-Amz-Expires=60`;
      return (await client.sign(url, { method, aws: { signQuery: true } })).url;
    };
    const put = await presign('PUT');
    expect((await fetch(put, { method: 'PUT', body: 'shared' })).status).toBe(200);
    const get = await presign('GET');
    expect(await (await fetch(get)).text()).toBe('shared');
    expect((await fetch(get, { method: 'DELETE' })).status).toBe(403);
    expect((await fetch(get.replace('k%20ey', 'other'))).status).toBe(403);
    now += 61_000;
    const late = await fetch(get);
    expect([late.status, await late.text()]).toEqual([
      403,
      expect.stringContaining('Request has expired'),
    ]);
  });

  it('under the bucket’s own host name too', async () => {
    const { store } = await openWithObject();
    const { port } = new URL(store.url);
    const client = new AwsClient({ ...ADMIN, service: 's3', region: 'auto' });
    const signed = await client.sign(`http://${Bucket}.localhost:${port}/k`);
    const headers = { ...Object.fromEntries(signed.headers), host: `${Bucket}.localhost:${port}` };
    expect(await send(`${store.url}/k`, 'GET', headers)).toEqual({ status: 200, text: 'hello' });
  });
});

describe('streaming uploads', () => {
  const trailerName = 'x-amz-checksum-crc32';
  const crcOfHelloWorld = 'DUoRhQ==';

  interface Chunked {
    kind: string;
    trailers: boolean;
    /** What is changed on the way. */
    tamper?: (body: string) => string;
  }

  /** Signs an aws-chunked upload by the book, and sends it. */
  async function upload({ store }: TestStore, { kind, trailers, tamper }: Chunked) {
    const url = new URL(`${store.url}/${Bucket}/streamed`);
    const time = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
    const day = time.slice(0, 8);
    const headers: Record<string, string> = {
      'content-encoding': 'aws-chunked',
      host: url.host,
      'x-amz-content-sha256': kind,
      'x-amz-date': time,
      'x-amz-decoded-content-length': '11',
      ...(trailers && { 'x-amz-trailer': trailerName }),
    };
    const names = Object.keys(headers).sort();
    const canonical = [
      'PUT',
      url.pathname,
      '',
      ...names.map((name) => `${name}:${headers[name] ?? ''}`),
      '',
      names.join(';'),
      kind,
    ].join('\n');
    const scope = `${day}/auto/s3/aws4_request`;
    const key = signingKey(ADMIN.secretAccessKey, day, 'auto', 's3');
    const hmac = (text: string) => createHmac('sha256', key).update(text).digest('hex');
    let previous = hmac(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256Hex(canonical)}`);
    headers['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${ADMIN.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${previous}`;
    const signs = kind.startsWith('STREAMING-AWS4');
    const line = (chunk: string): string => {
      const size = chunk.length.toString(16);
      if (!signs) return `${size}\r\n`;
      previous = hmac(
        `AWS4-HMAC-SHA256-PAYLOAD\n${time}\n${scope}\n${previous}\n${sha256Hex('')}\n${sha256Hex(chunk)}`,
      );
      return `${size};chunk-signature=${previous}\r\n`;
    };
    let body = `${line('hello ')}hello \r\n${line('world')}world\r\n${line('')}`;
    if (trailers) {
      body += `${trailerName}:${crcOfHelloWorld}\r\n`;
      if (signs) {
        const digest = sha256Hex(`${trailerName}:${crcOfHelloWorld}\n`);
        body += `x-amz-trailer-signature:${hmac(`AWS4-HMAC-SHA256-TRAILER\n${time}\n${scope}\n${previous}\n${digest}`)}\r\n`;
      }
    }
    body = `${body}\r\n`;
    const sent = Buffer.from(tamper === undefined ? body : tamper(body));
    return await send(url.href, 'PUT', { ...headers, 'content-length': String(sent.length) }, sent);
  }

  const kinds = [
    { kind: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', trailers: false },
    { kind: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', trailers: true },
    { kind: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', trailers: true },
  ];

  it.each(kinds)('are taken: $kind', async (how) => {
    const opened = await openWithObject();
    expect(await upload(opened, how)).toMatchObject({ status: 200 });
    const got = await opened.fetch(`/${Bucket}/streamed`, {
      headers: { 'x-amz-checksum-mode': 'ENABLED' },
    });
    expect(await got.text()).toBe('hello world');
    expect(got.headers.get('content-encoding')).toBeNull();
    if (how.trailers) expect(got.headers.get(trailerName)).toBe(crcOfHelloWorld);
  });

  it.each(kinds)('are refused and leave nothing when a byte changes: $kind', async (how) => {
    const opened = await openWithObject();
    const result = await upload(opened, {
      ...how,
      tamper: (body) => body.replace('world', 'w0rld'),
    });
    expect([400, 403]).toContain(result.status);
    expect(result.text).toMatch(/SignatureDoesNotMatch|BadDigest/);
    expect((await opened.fetch(`/${Bucket}/streamed`)).status).toBe(404);
  });

  it('are refused when they stop before the end', async () => {
    const opened = await openWithObject();
    const how = { ...kinds[0]!, tamper: (body: string) => body.slice(0, -100) };
    expect((await upload(opened, how)).text).toContain('IncompleteBody');
    expect((await opened.fetch(`/${Bucket}/streamed`)).status).toBe(404);
  });
});

describe('an upload whose client goes away', () => {
  it('leaves nothing, and the store goes on', async () => {
    const { store, fetch: signed } = await openWithObject();
    const client = new AwsClient({ ...ADMIN, service: 's3', region: 'auto' });
    const { headers } = await client.sign(`${store.url}/${Bucket}/cut`, { method: 'PUT' });
    await new Promise<void>((resolve) => {
      const outgoing = httpRequest(`${store.url}/${Bucket}/cut`, {
        method: 'PUT',
        headers: { ...Object.fromEntries(headers), 'content-length': '1000000' },
      });
      outgoing.on('error', () => resolve());
      outgoing.on('close', () => resolve());
      outgoing.write(Buffer.alloc(300_000), () => outgoing.destroy());
    });
    await expect.poll(() => store.requests.counts()['PutObject']?.errors).toBe(1);
    expect((await signed(`/${Bucket}/cut`)).status).toBe(404);
  });
});
