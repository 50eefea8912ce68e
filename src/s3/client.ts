import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { isS3Failure, S3RequestError } from './errors.ts';
import type { ListedObject, ListPage } from './list.ts';
import type { PageStart } from './list-ranges.ts';
import type { RangedBody } from './multipart.ts';
import {
  encodeSegment,
  S3Transport,
  type S3Answer,
  type S3Request,
  type S3Target,
} from './request.ts';

/** One version of an object, as its headers tell. */
export interface ObjectHead {
  /** With its quotation marks, as conditions want it. */
  etag: string;
  /** Bytes. */
  size: number;
  /** Hex MD5 of the content where the storage or the uploader says it; null for most multipart objects. */
  md5: string | null;
  /** Milliseconds since the epoch: the uploader's modification time, else the object's own. */
  modifiedMs: number;
}

/** What must be true of the present object for a write to take place. */
export type WriteCondition = { ifMatch: string } | { ifAbsent: true };

export interface PutObject {
  key: string;
  body: Uint8Array | RangedBody;
  /** Hex MD5 of the body; the storage refuses a body that arrives with another. */
  md5: string;
  /** Modification time to keep with it, milliseconds since the epoch. */
  modifiedMs: number;
  condition: WriteCondition;
  /** Told the id of an upload in parts, before its first part. */
  begun?: ((uploadId: string) => Promise<void>) | undefined;
  signal?: AbortSignal | undefined;
}

/** The objects of one bucket, one at a time, with conditions. */
export interface S3Client {
  /**
   * One PUT, sent once: whether to send it again after an ambiguous end is the caller's decision,
   * because only it knows what it would overwrite by then. What is too large for one goes in parts,
   * whose completion is what is sent once; just before it a look, for storages that know no condition
   * there.
   *
   * @returns the ETag of what was written
   * @throws S3RequestError
   */
  put(request: PutObject): Promise<string>;
  /**
   * @param at as the bucket was then, in nanoseconds since the epoch; for buckets with snapshots
   * @throws S3RequestError; an interrupted body fails the stream
   */
  get(
    key: string,
    signal?: AbortSignal,
    at?: string,
  ): Promise<{ head: ObjectHead; body: Readable }>;
  /** Undefined when there is no such object. @param at as for `get` @throws S3RequestError */
  head(key: string, signal?: AbortSignal, at?: string): Promise<ObjectHead | undefined>;
  /**
   * The first objects whose keys begin with `prefix`, at most a thousand. For names of our own that
   * need no escaping in XML; the sync engine lists through rclone.
   *
   * @throws S3RequestError
   */
  list(prefix: string, signal?: AbortSignal): Promise<{ key: string; modifiedMs: number }[]>;
  /**
   * Deletes this very version, or for undefined, where a storage knows no such condition, whatever
   * is there. Sent once. @throws S3RequestError
   */
  delete(key: string, ifMatch: string | undefined, signal?: AbortSignal): Promise<void>;
  /** Ends an upload in parts that will not be completed. @throws S3RequestError */
  abortUpload(key: string, uploadId: string): Promise<void>;
  /** Copies this very version inside the bucket. @throws S3RequestError */
  copy(from: string, ifMatch: string, to: string, signal?: AbortSignal): Promise<void>;
  /** All objects of the bucket, in the order of their keys. @throws S3RequestError */
  listAll(signal?: AbortSignal, part?: ListedPart): AsyncIterable<ListedObject>;
  /**
   * The same by pages in any order: the parts between the keys of `splitAt` (`splittingKeys`) at the
   * same time.
   *
   * @throws S3RequestError
   */
  listInParts(
    splitAt: readonly string[],
    onPage: (objects: readonly ListedObject[]) => void,
    signal?: AbortSignal,
  ): Promise<void>;
  /** By how many milliseconds this machine's clock is ahead of the storage's, once known. */
  readonly clockSkewMs: number | undefined;
  close(): void;
}

/** What of a bucket is listed. */
export interface ListedPart {
  /** Keys that begin like this. */
  prefix?: string;
  /** As the bucket was then, in nanoseconds since the epoch; for buckets with snapshots. */
  at?: string;
}

export interface PutLimits {
  /** What is larger goes in parts. Default: S3's limit of one PUT, 5 GiB. */
  maxPutBytes?: number;
  /** Default: 64 MiB, more where 10,000 parts would not be enough. */
  partBytes?: number;
}

const MAX_PUT_BYTES = 5 * 1024 ** 3;
const READ_ATTEMPTS = 3;
/** Asked to slow down, a client may come back later. */
const THROTTLED_ATTEMPTS = 6;

/** @param retryDelayMs the first wait before a failed read is sent again; it doubles */
export function createS3Client(
  target: S3Target,
  retryDelayMs = 200,
  limits: PutLimits = {},
): S3Client {
  const transport = new S3Transport(target);
  const reading = <T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T> =>
    retryRead(read, retryDelayMs, signal);
  const send = (request: S3Request): Promise<S3Answer> => transport.send(request);
  const head: S3Client['head'] = async (key, signal, at) => {
    try {
      const request = { method: 'HEAD', key, headers: asOf(at), signal } as const;
      return headOf(await reading(() => transport.send(request), signal));
    } catch (error) {
      if (isS3Failure(error, 'not-found')) return undefined;
      throw error;
    }
  };
  const putLarge = async (request: PutObject, body: RangedBody): Promise<string> => {
    const { putInParts } = await import('./multipart.ts');
    const { key, condition, begun, signal } = request;
    const headers = {
      ...objectHeaders(request.modifiedMs),
      // rclone's own key and form: the ETag of parts says nothing about the content.
      'x-amz-meta-md5chksum': Buffer.from(request.md5, 'hex').toString('base64'),
    };
    const look = async (each: S3Request): Promise<S3Answer> => {
      const completes = each.method === 'POST' && each.query?.['uploadId'] !== undefined;
      if (completes) refuseUnless(condition, await head(key, signal), key);
      return transport.send(each);
    };
    const parts = { key, body, headers, condition: conditionHeaders(condition), begun, signal };
    return putInParts(parts, look, limits.partBytes);
  };
  const fetchPage = async (
    from: PageStart,
    signal?: AbortSignal,
    { prefix = '', at }: ListedPart = {},
  ): Promise<ListPage> => {
    const { parseListPage } = await import('./list.ts');
    const below = prefix === '' ? {} : { prefix };
    const query = { 'list-type': '2', 'encoding-type': 'url', ...below, ...queryOf(from) };
    const request = { method: 'GET', key: '', query, headers: asOf(at), signal } as const;
    return parseListPage((await reading(() => transport.send(request), signal)).body);
  };
  return {
    put: async (request) => {
      const { key, body, md5, modifiedMs, condition, signal } = request;
      if ('open' in body && body.length > (limits.maxPutBytes ?? MAX_PUT_BYTES)) {
        return putLarge(request, body);
      }
      const answer = await transport.send({
        method: 'PUT',
        key,
        headers: {
          ...objectHeaders(modifiedMs),
          'content-md5': Buffer.from(md5, 'hex').toString('base64'),
          ...conditionHeaders(condition),
        },
        body: 'open' in body ? { stream: body.open(), length: body.length } : body,
        signal,
      });
      return answer.headers.etag ?? '';
    },
    get: async (key, signal, at) => {
      const { body, ...answer } = await reading(
        () => transport.open({ method: 'GET', key, headers: asOf(at), signal }),
        signal,
      );
      return { head: headOf(answer), body };
    },
    head,
    abortUpload: async (key, uploadId) => {
      const { abortParts } = await import('./multipart.ts');
      await abortParts(key, uploadId, send);
    },
    list: async (prefix, signal) => {
      const query = { 'list-type': '2', prefix };
      const request = { method: 'GET', key: '', query, headers: {}, signal } as const;
      return parseList(await reading(() => transport.send(request), signal));
    },
    delete: async (key, ifMatch, signal) => {
      const headers: Record<string, string> = ifMatch === undefined ? {} : { 'if-match': ifMatch };
      await transport.send({ method: 'DELETE', key, headers, signal });
    },
    copy: async (from, ifMatch, to, signal) => {
      const source = [target.bucket, ...from.split('/')].map(encodeSegment).join('/');
      await transport.send({
        method: 'PUT',
        key: to,
        headers: { 'x-amz-copy-source': source, 'x-amz-copy-source-if-match': ifMatch },
        signal,
      });
    },
    listAll: async function* (signal, part) {
      let page = await fetchPage(null, signal, part);
      for (;;) {
        yield* page.objects;
        if (page.next === undefined) return;
        page = await fetchPage({ token: page.next }, signal, part);
      }
    },
    listInParts: async (splitAt, onPage, signal) => {
      const { listInRanges } = await import('./list-ranges.ts');
      await listInRanges((from) => fetchPage(from, signal), splitAt, onPage);
    },
    get clockSkewMs() {
      return transport.clockSkewMs;
    },
    close: () => transport.close(),
  };
}

/** https://www.tigrisdata.com/docs/buckets/snapshots-and-forks/ */
function asOf(at: string | undefined): Record<string, string> {
  return at === undefined ? {} : { 'x-tigris-snapshot-version': at };
}

function queryOf(from: PageStart): Record<string, string> {
  if (from === null) return {};
  return 'token' in from ? { 'continuation-token': from.token } : { 'start-after': from.after };
}

function parseList({ body }: S3Answer): { key: string; modifiedMs: number }[] {
  return [...body.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, entry = '']) => ({
    key: /<Key>(.*?)<\/Key>/s.exec(entry)?.[1] ?? '',
    modifiedMs: Date.parse(/<LastModified>(.*?)<\/LastModified>/.exec(entry)?.[1] ?? ''),
  }));
}

function objectHeaders(modifiedMs: number): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    // rclone's own key and form, so that rclone, a mount and we agree about times.
    'x-amz-meta-mtime': formatMtime(modifiedMs),
  };
}

function conditionHeaders(condition: WriteCondition): Record<string, string> {
  return 'ifMatch' in condition ? { 'if-match': condition.ifMatch } : { 'if-none-match': '*' };
}

/** @throws S3RequestError `precondition` */
function refuseUnless(
  condition: WriteCondition,
  present: ObjectHead | undefined,
  key: string,
): void {
  const holds =
    'ifMatch' in condition ? present?.etag === condition.ifMatch : present === undefined;
  if (holds) return;
  throw new S3RequestError('precondition', `PUT ${key}: the object is not what was expected`);
}

/** Reads change nothing, so they may be sent again. */
async function retryRead<T>(
  read: () => Promise<T>,
  firstDelayMs: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (!isS3Failure(error, 'network', 'server', 'throttled')) throw error;
      const attempts = error.failure === 'throttled' ? THROTTLED_ATTEMPTS : READ_ATTEMPTS;
      if (attempt >= attempts) throw error;
      // Those that were told to slow down together must not come back together.
      const wait = firstDelayMs * 2 ** (attempt - 1) * (0.5 + Math.random());
      await delay(wait, undefined, signal === undefined ? {} : { signal });
    }
  }
}

function headOf({ headers }: Pick<S3Answer, 'headers'>): ObjectHead {
  const etag = headers.etag ?? '';
  return {
    etag,
    size: Number(headers['content-length'] ?? 0),
    md5: md5Of(etag, headers),
    modifiedMs: modifiedOf(headers),
  };
}

/** A single PUT's ETag is its MD5; rclone keeps that of a multipart upload as base64 metadata. */
function md5Of(etag: string, headers: IncomingHttpHeaders): string | null {
  const own = /^"([0-9a-f]{32})"$/.exec(etag)?.[1];
  if (own !== undefined) return own;
  const kept = headers['x-amz-meta-md5chksum'];
  const md5 = Buffer.from(typeof kept === 'string' ? kept : '', 'base64');
  return md5.length === 16 ? md5.toString('hex') : null;
}

/** The years 1677 to 2262, which file systems with nanoseconds can hold. */
const MAX_SECONDS = 9_223_372_036;

function modifiedOf(headers: IncomingHttpHeaders): number {
  const kept = headers['x-amz-meta-mtime'];
  const seconds = typeof kept === 'string' ? Number(kept) : Number.NaN;
  if (Math.abs(seconds) <= MAX_SECONDS) return seconds * 1000;
  const own = Date.parse(headers['last-modified'] ?? '');
  return Number.isNaN(own) ? 0 : own;
}

/** Seconds with a fraction, as rclone writes `mtime`. */
function formatMtime(ms: number): string {
  return (ms / 1000).toFixed(9).replace(/0+$/, '').replace(/\.$/, '');
}
