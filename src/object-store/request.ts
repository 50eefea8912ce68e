import { randomFillSync } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Error } from './errors.ts';
import type { SignedParts } from './sigv4-claim.ts';

/** A request as the operations see it: decoded once, before anything acts on it. */
export interface StoreRequest extends SignedParts {
  readonly id: string;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  /** Decoded; a parameter without a value is the empty string. */
  readonly query: ReadonlyMap<string, string>;
  readonly bucket: string | undefined;
  /** Undefined for a request about a bucket. */
  readonly key: string | undefined;
  readonly sourceIp: string;
}

/** What an operation answers. `body` with `size` is streamed. */
export interface Reply {
  status: number;
  headers?: Record<string, string | undefined>;
  body?: string | Uint8Array | { size: number; bytes: AsyncIterable<Uint8Array> };
}

const MAX_KEY_BYTES = 1024;

/**
 * @param domains host names under which a bucket is addressed as `bucket.domain`
 * @throws S3Error InvalidURI, KeyTooLongError
 */
export function readRequest(
  message: IncomingMessage,
  response: ServerResponse,
  domains: readonly string[],
): StoreRequest {
  const url = message.url ?? '/';
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const rawQuery = mark < 0 ? '' : url.slice(mark + 1);
  const headers = readHeaders(message.rawHeaders);
  const { bucket, key } = readAddress(rawPath, headers.get('host') ?? '', domains);
  return {
    id: requestId(),
    message,
    response,
    method: message.method ?? 'GET',
    rawPath,
    rawQuery,
    headers,
    query: readQuery(rawQuery),
    bucket,
    key,
    sourceIp: (message.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
  };
}

const ID_BYTES = 8;
const randomness = Buffer.alloc(512 * ID_BYTES);
let used = randomness.length;

/** Sixteen random digits. The randomness is fetched for many at a time: each fetch is dear. */
function requestId(): string {
  if (used === randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  used += ID_BYTES;
  return randomness.toString('hex', used - ID_BYTES, used).toUpperCase();
}

function readHeaders(raw: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    const value = fromLatin1((raw[index + 1] ?? '').trim());
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  return headers;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Node reads header bytes as Latin-1; clients sign UTF-8 and most send it. What is no UTF-8 was
 * sent as Latin-1 by a client that is written in Node itself.
 */
function fromLatin1(value: string): string {
  if (/^[\x00-\x7f]*$/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}

/** The reverse, for a header that is sent. */
export function toLatin1(value: string): string {
  return /^[\x00-\x7f]*$/.test(value) ? value : Buffer.from(value, 'utf8').toString('latin1');
}

function readQuery(rawQuery: string): Map<string, string> {
  const query = new Map<string, string>();
  if (rawQuery === '') return query;
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    if (!query.has(name)) query.set(name, value);
  }
  return query;
}

function readAddress(
  rawPath: string,
  host: string,
  domains: readonly string[],
): { bucket: string | undefined; key: string | undefined } {
  const virtual = virtualBucket(host, domains);
  const path = decodePath(rawPath.startsWith('/') ? rawPath.slice(1) : rawPath);
  if (virtual !== undefined) return { bucket: virtual, key: checkKey(path) };
  const slash = path.indexOf('/');
  if (slash < 0) return { bucket: path === '' ? undefined : path, key: undefined };
  return { bucket: path.slice(0, slash), key: checkKey(path.slice(slash + 1)) };
}

function checkKey(key: string): string | undefined {
  if (key === '') return undefined;
  const size = Buffer.byteLength(key);
  if (size > MAX_KEY_BYTES) {
    throw new S3Error('KeyTooLongError', 'Your key is too long', {
      Size: String(size),
      MaxSizeAllowed: String(MAX_KEY_BYTES),
    });
  }
  return key;
}

/** `bucket.localhost:9000` → `bucket`; a bare domain or an address is path style. */
function virtualBucket(host: string, domains: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  for (const domain of domains) {
    if (name.endsWith(`.${domain}`)) return name.slice(0, -domain.length - 1);
  }
  return undefined;
}

function decodePath(rawPath: string): string {
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    throw new S3Error('InvalidURI', "Couldn't parse the specified URI.");
  }
  // A null byte ends a text in too many clients' hands to be safe in a key.
  if (path.includes('\0')) throw new S3Error('InvalidURI', 'A key cannot hold a null byte.');
  return path;
}
