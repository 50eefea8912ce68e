import { createHash, createHmac, type Hash } from 'node:crypto';
import { S3Error } from './errors.ts';
import { equal, sha256Hex, type VerifiedSignature } from './sigv4.ts';

/**
 * Decoder of `aws-chunked` bodies, signed and unsigned, with and without trailers.
 * Source: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
 * Chunks" and "… including trailing headers", Amazon S3 API reference.
 */
export interface ChunkedOptions {
  /** Seed of the chain of chunk signatures; undefined for an unsigned payload. */
  seed: VerifiedSignature | undefined;
  /** Names of the trailers that were announced, lower case. */
  trailers: readonly string[];
  /** Called with the trailers when the body has ended well. */
  onTrailers: (trailers: ReadonlyMap<string, string>) => void;
}

const EMPTY_SHA256 = sha256Hex('');
const MAX_LINE = 16 * 1024;

/** @throws S3Error IncompleteBody, SignatureDoesNotMatch, InvalidRequest while iterated */
export async function* decodeChunked(
  source: AsyncIterable<Uint8Array>,
  options: ChunkedOptions,
): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(source);
  const signatures = options.seed === undefined ? undefined : new SignatureChain(options.seed);
  for (;;) {
    const { size, signature } = parseChunkHeader(await reader.line());
    const hash = signatures === undefined ? undefined : createHash('sha256');
    if (size === 0) {
      signatures?.check(signature, hash);
      break;
    }
    let left = size;
    while (left > 0) {
      const piece = await reader.upTo(left);
      left -= piece.length;
      hash?.update(piece);
      yield piece;
    }
    if ((await reader.line()) !== '') throw incomplete();
    signatures?.check(signature, hash);
  }
  options.onTrailers(await readTrailers(reader, options, signatures));
}

async function readTrailers(
  reader: ByteReader,
  options: ChunkedOptions,
  signatures: SignatureChain | undefined,
): Promise<Map<string, string>> {
  const trailers = new Map<string, string>();
  let canonical = '';
  let signature: string | undefined;
  for (;;) {
    const line = await reader.lineOrEnd();
    if (line === undefined || line === '') break;
    const colon = line.indexOf(':');
    if (colon < 0) throw new S3Error('InvalidRequest', 'A trailer is malformed.');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'x-amz-trailer-signature') {
      signature = value;
      continue;
    }
    trailers.set(name, value);
    canonical += `${name}:${value}\n`;
  }
  for (const name of options.trailers) {
    if (!trailers.has(name)) {
      throw new S3Error('InvalidRequest', `The announced trailer ${name} is missing.`);
    }
  }
  if (signatures !== undefined && options.trailers.length > 0) {
    signatures.checkTrailers(signature, canonical);
  }
  return trailers;
}

function parseChunkHeader(line: string): { size: number; signature: string | undefined } {
  const match = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
  if (match === null) throw incomplete();
  return { size: parseInt(match[1] ?? '', 16), signature: match[2] };
}

function incomplete(): S3Error {
  return new S3Error('IncompleteBody', 'The request body terminated unexpectedly');
}

class SignatureChain {
  readonly #seed: VerifiedSignature;
  #previous: string;
  constructor(seed: VerifiedSignature) {
    this.#seed = seed;
    this.#previous = seed.signature;
  }

  check(signature: string | undefined, hash: Hash | undefined): void {
    const { time, scope } = this.#seed;
    const digest = hash?.digest('hex') ?? EMPTY_SHA256;
    this.#compare(
      signature,
      `AWS4-HMAC-SHA256-PAYLOAD\n${time}\n${scope}\n${this.#previous}\n${EMPTY_SHA256}\n${digest}`,
    );
  }

  checkTrailers(signature: string | undefined, canonical: string): void {
    const { time, scope } = this.#seed;
    this.#compare(
      signature,
      `AWS4-HMAC-SHA256-TRAILER\n${time}\n${scope}\n${this.#previous}\n${sha256Hex(canonical)}`,
    );
  }

  #compare(signature: string | undefined, stringToSign: string): void {
    const expected = createHmac('sha256', this.#seed.key).update(stringToSign).digest('hex');
    if (signature === undefined || !equal(signature, expected)) {
      throw new S3Error(
        'SignatureDoesNotMatch',
        'The chunk signature we calculated does not match the signature you provided.',
      );
    }
    this.#previous = expected;
  }
}

/** Lines and stretches of bytes from a stream of chunks. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);
  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async #fill(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    const value = next.value;
    const piece = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#buffer = this.#buffer.length === 0 ? piece : Buffer.concat([this.#buffer, piece]);
    return true;
  }

  /** The next line without its CRLF. @throws S3Error IncompleteBody */
  async line(): Promise<string> {
    const line = await this.lineOrEnd();
    if (line === undefined) throw incomplete();
    return line;
  }

  async lineOrEnd(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#buffer.toString('latin1', 0, end);
        this.#buffer = this.#buffer.subarray(end + 2);
        return line;
      }
      if (this.#buffer.length > MAX_LINE) throw incomplete();
      if (!(await this.#fill())) {
        if (this.#buffer.length > 0) throw incomplete();
        return undefined;
      }
    }
  }

  /** At least one byte and at most `limit`. @throws S3Error IncompleteBody */
  async upTo(limit: number): Promise<Uint8Array> {
    if (this.#buffer.length === 0 && !(await this.#fill())) throw incomplete();
    const piece = this.#buffer.subarray(0, limit);
    this.#buffer = this.#buffer.subarray(piece.length);
    return piece;
  }
}
