import type { ReceivedBody } from './bodies.ts';
import {
  CHECKSUM_ALGORITHMS,
  CHECKSUM_BYTES,
  isChecksumAlgorithm,
  type ChecksumAlgorithm,
} from './checksums.ts';
import type { IncomingMessage } from 'node:http';
import { decodeChunked } from './chunked.ts';
import { notImplemented, S3Error } from './errors.ts';
import type { StoredChecksum } from './objects.ts';
import { INLINE_LIMIT } from './spilling-writer.ts';
import type { Call } from './store.ts';

const MAX_PUT_BYTES = 5 * 1024 ** 3;
const SIGNED_CHUNKS = /^STREAMING-AWS4-HMAC-SHA256-PAYLOAD(-TRAILER)?$/;
const UNSIGNED_CHUNKS = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** What a request says about its body, checked against the body when it is there. */
interface Announced {
  size: number | undefined;
  md5: string | undefined;
  sha256: string | undefined;
  /** Expected checksums; those in a trailer are filled in when it arrives. */
  checksums: Map<ChecksumAlgorithm, string | undefined>;
}

export interface UploadOptions {
  /** A further checksum that the store wants of this body. */
  also?: ChecksumAlgorithm | undefined;
  /** True where checksum headers are about an object, not about the body of this request. */
  ignoreChecksums?: boolean;
}

/**
 * Receives an upload and holds it against everything the client said of it: length, Content-MD5,
 * payload hash, chunk signatures, checksums in headers or trailers. The caller adopts or discards
 * the result.
 *
 * @throws S3Error IncompleteBody, BadDigest, InvalidDigest, XAmzContentSHA256Mismatch …
 */
export async function receiveUpload(
  call: Call,
  options: UploadOptions = {},
): Promise<ReceivedBody> {
  const { request, store } = call;
  const announced = readAnnounced(call, options.ignoreChecksums === true);
  if (announced.size !== undefined && announced.size > MAX_PUT_BYTES) {
    throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size');
  }
  if (request.headers.get('expect')?.toLowerCase() === '100-continue') {
    request.response.writeContinue();
  }
  const wanted = [...announced.checksums.keys()];
  if (options.also !== undefined && !wanted.includes(options.also)) wanted.push(options.also);
  const hashes = { sha256: announced.sha256 !== undefined, checksums: wanted };
  const body = isSmallAndPlain(call, announced)
    ? store.bodies.receiveWhole(await readWhole(request.message), hashes)
    : await store.bodies.receive(bodyOf(call, announced), hashes);
  try {
    compare(announced, body);
    return body;
  } catch (error) {
    await store.bodies.discard(body);
    throw error;
  }
}

/** The checksum that the client sent, or the one the store wanted, to be kept with the object. */
export function checksumToStore(
  body: ReceivedBody,
  preferred?: ChecksumAlgorithm,
): StoredChecksum | undefined {
  const algorithm = preferred ?? [...body.checksums.keys()][0];
  const value = algorithm === undefined ? undefined : body.checksums.get(algorithm);
  if (algorithm === undefined || value === undefined) return undefined;
  return { algorithm, value, type: 'FULL_OBJECT' };
}

function readAnnounced(call: Call, ignoreChecksums: boolean): Announced {
  const { headers } = call.request;
  const chunked = isChunked(call.payloadHash);
  const length = headers.get(chunked ? 'x-amz-decoded-content-length' : 'content-length');
  if (length === undefined && (chunked || headers.get('transfer-encoding') === undefined)) {
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  if (length !== undefined && !/^\d{1,16}$/.test(length)) {
    throw new S3Error('InvalidArgument', 'The length of the body is not a number.');
  }
  return {
    size: length === undefined ? undefined : Number(length),
    md5: readMd5(headers.get('content-md5')),
    sha256: /^[0-9a-f]{64}$/.test(call.payloadHash) ? call.payloadHash : undefined,
    checksums: ignoreChecksums ? new Map<ChecksumAlgorithm, string>() : readChecksums(headers),
  };
}

function isChunked(payloadHash: string): boolean {
  return payloadHash === UNSIGNED_CHUNKS || SIGNED_CHUNKS.test(payloadHash);
}

function readMd5(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const bytes = Buffer.from(header, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== header) {
    throw new S3Error('InvalidDigest', 'The Content-MD5 you specified is not valid.');
  }
  return bytes.toString('hex');
}

function readChecksums(headers: ReadonlyMap<string, string>): Announced['checksums'] {
  const checksums: Announced['checksums'] = new Map();
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = headers.get(`x-amz-checksum-${algorithm}`);
    if (value === undefined) continue;
    checkChecksumForm(algorithm, value);
    checksums.set(algorithm, value);
  }
  for (const name of announcedTrailers(headers)) {
    const algorithm = name.replace(/^x-amz-checksum-/, '');
    if (isChecksumAlgorithm(algorithm)) checksums.set(algorithm, undefined);
  }
  if (checksums.size > 1) {
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header.');
  }
  return checksums;
}

/** @throws S3Error InvalidRequest when it cannot be a checksum of that algorithm */
export function checkChecksumForm(algorithm: ChecksumAlgorithm, value: string): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === CHECKSUM_BYTES[algorithm] && bytes.toString('base64') === value) return;
  throw new S3Error('InvalidRequest', `Value for x-amz-checksum-${algorithm} header is invalid.`);
}

function announcedTrailers(headers: ReadonlyMap<string, string>): string[] {
  const trailer = headers.get('x-amz-trailer');
  return trailer === undefined ? [] : trailer.split(',').map((name) => name.trim().toLowerCase());
}

function isSmallAndPlain({ payloadHash, store }: Call, { size }: Announced): boolean {
  if (size === undefined || size > INLINE_LIMIT || store.faults.settings.bandwidth > 0)
    return false;
  return !payloadHash.startsWith('STREAMING-');
}

/** By events: an asynchronous iterator costs more than the rest of a small upload. */
function readWhole(message: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    message.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    message.on('end', () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
    });
    message.on('error', reject);
    message.on('close', () => {
      if (!message.complete) reject(new Error('the client went away'));
    });
  });
}

function bodyOf(call: Call, announced: Announced): AsyncIterable<Uint8Array> {
  const { request, payloadHash, signature, store } = call;
  // A body that is refused halfway must not take the connection, and the refusal, with it.
  const message = request.message.iterator({ destroyOnReturn: false });
  const raw = store.faults.throttle(message as AsyncIterable<Uint8Array>);
  if (!isChunked(payloadHash)) {
    if (payloadHash.startsWith('STREAMING-'))
      throw notImplemented(`x-amz-content-sha256: ${payloadHash}`);
    return raw;
  }
  return decodeChunked(raw, {
    seed: payloadHash === UNSIGNED_CHUNKS ? undefined : signature,
    trailers: announcedTrailers(request.headers),
    onTrailers: (trailers) => {
      for (const algorithm of announced.checksums.keys()) {
        const value = trailers.get(`x-amz-checksum-${algorithm}`);
        if (value === undefined) continue;
        checkChecksumForm(algorithm, value);
        announced.checksums.set(algorithm, value);
      }
    },
  });
}

function compare(announced: Announced, body: ReceivedBody): void {
  if (announced.size !== undefined && announced.size !== body.size) {
    throw new S3Error(
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header',
    );
  }
  if (announced.sha256 !== undefined && announced.sha256 !== body.sha256) {
    throw new S3Error(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  if (announced.md5 !== undefined && announced.md5 !== body.md5) {
    throw new S3Error('BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
  for (const [algorithm, expected] of announced.checksums) {
    if (expected === undefined || expected === body.checksums.get(algorithm)) continue;
    const name = algorithm.toUpperCase();
    throw new S3Error(
      'BadDigest',
      `The ${name} you specified did not match the calculated checksum.`,
    );
  }
}
