import { createHash } from 'node:crypto';
import { Transform, pipeline, type Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { isS3Failure, S3RequestError } from './errors.ts';
import type { S3Answer, S3Request } from './request.ts';

/** A body that can be read from any place in it; `end` is the last byte that counts. */
export interface RangedBody {
  open: (range?: { start: number; end: number }) => Readable;
  /** Bytes. */
  length: number;
}

export interface PartsRequest {
  key: string;
  body: RangedBody;
  /** Headers of the object. */
  headers: Record<string, string>;
  /** The condition, as headers of the completion. */
  condition: Record<string, string>;
  /** Told the upload's id before the first part, so that it can be ended after a crash. */
  begun?: ((uploadId: string) => Promise<void>) | undefined;
  signal?: AbortSignal | undefined;
}

type Send = (request: S3Request) => Promise<S3Answer>;

const MIN_PART_BYTES = 64 * 1024 * 1024;
const MAX_PARTS = 10_000;
const PARALLEL_PARTS = 4;
const PART_ATTEMPTS = 5;
const RETRY_MS = 500;

/**
 * Uploads what is too large for one PUT. Parts may be sent again, for nobody sees them; only the
 * completion makes the object, under the condition, and is sent once.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 *
 * @returns the object's ETag
 * @throws S3RequestError; `precondition` when the object is not the expected one
 */
export async function putInParts(
  request: PartsRequest,
  send: Send,
  partBytes = Math.max(MIN_PART_BYTES, Math.ceil(request.body.length / MAX_PARTS)),
): Promise<string> {
  const { key, headers, signal } = request;
  const started = await send({ method: 'POST', key, query: { uploads: '' }, headers, signal });
  const uploadId = textOf(started.body, 'UploadId');
  await request.begun?.(uploadId);
  try {
    const parts = await sendParts(request, uploadId, send, partBytes);
    const xml = parts.map(
      (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${xml.join('')}</CompleteMultipartUpload>`;
    const done = await send({
      ...{ method: 'POST', key, query: { uploadId }, headers: request.condition, signal },
      body: Buffer.from(body),
    });
    return textOf(done.body, 'ETag');
  } catch (error) {
    // Without the caller's signal: it may be why this failed.
    await abortParts(key, uploadId, send).catch(() => undefined);
    throw error;
  }
}

/** Ends an upload that will not be completed, and frees what its parts take. */
export async function abortParts(key: string, uploadId: string, send: Send): Promise<void> {
  await send({ method: 'DELETE', key, query: { uploadId }, headers: {} });
}

async function sendParts(
  { key, body, signal }: PartsRequest,
  uploadId: string,
  send: Send,
  partBytes: number,
): Promise<string[]> {
  const starts: number[] = [];
  for (let start = 0; start < body.length; start += partBytes) starts.push(start);
  const etags: string[] = [];
  const queue = starts.entries();
  const stop = new AbortController();
  const both = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]);
  const worker = async (): Promise<void> => {
    for (const [index, start] of queue) {
      const range = { start, end: Math.min(start + partBytes, body.length) - 1 };
      const query = { partNumber: String(index + 1), uploadId };
      etags[index] = await sendPart({ key, query, body, range, signal: both }, send);
    }
  };
  const ends = await Promise.allSettled(
    Array.from({ length: PARALLEL_PARTS }, () =>
      worker().catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
    ),
  );
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw stop.signal.reason ?? failure.reason;
  return etags;
}

interface PartRequest {
  key: string;
  query: Record<string, string>;
  body: RangedBody;
  range: { start: number; end: number };
  signal: AbortSignal;
}

async function sendPart(part: PartRequest, send: Send): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendPartOnce(part, send);
    } catch (error) {
      if (attempt === PART_ATTEMPTS || !isS3Failure(error, 'network', 'server', 'throttled')) {
        throw error;
      }
      const wait = RETRY_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
      await delay(wait, undefined, { signal: part.signal });
    }
  }
}

async function sendPartOnce(
  { key, query, body, range, signal }: PartRequest,
  send: Send,
): Promise<string> {
  const hash = createHash('md5');
  const hashed = new Transform({
    transform: (chunk: Buffer, _encoding, pass) => {
      hash.update(chunk);
      pass(null, chunk);
    },
  });
  // Who reads `hashed` sees what fails.
  const stream = pipeline(body.open(range), hashed, () => undefined);
  const length = range.end - range.start + 1;
  const { headers } = await send({
    ...{ method: 'PUT', key, query, headers: {}, body: { stream, length }, signal },
  });
  const etag = headers.etag ?? '';
  const md5 = /^"([0-9a-f]{32})"$/.exec(etag)?.[1];
  if (md5 !== undefined && md5 !== hash.digest('hex')) {
    throw new S3RequestError('network', `PUT ${key}: a part did not arrive as it was sent`);
  }
  return etag;
}

function textOf(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];
  if (text === undefined) throw new S3RequestError('server', `the answer has no ${name}`);
  return text.replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&amp;', '&');
}
