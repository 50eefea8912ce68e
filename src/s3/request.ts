import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import got, { type OptionsInit, type OptionsOfTextResponseBody, type StreamOptions } from 'got';

/** What both kinds of request share; the kind is chosen where it is sent. */
type SharedOptions = Omit<OptionsInit, 'isStream' | 'responseType' | 'resolveBodyOnly'>;
import { proxyAgents, type ProxyAgents } from '../platform/proxy.ts';
import { errorFromAnswer, S3RequestError } from './errors.ts';

/** Where a bucket is, and the key for it. */
export interface S3Target {
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Empty: the bucket itself. */
  key: string;
  query?: Readonly<Record<string, string>>;
  headers: Record<string, string>;
  /** A buffer, or a stream together with its length in bytes. */
  body?: Uint8Array | { stream: Readable; length: number };
  signal?: AbortSignal | undefined;
}

export interface S3Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Milliseconds until a connection stands, and between two pieces of data on it. */
const TIMEOUT = { connect: 10_000, secureConnect: 10_000, socket: 30_000 } as const;

/** How many requests go out at once: uploads of small files wait for the network, not for us. */
export const PARALLEL_REQUESTS = 32;

/**
 * Sends signed requests for the objects of one bucket. got, and not Node's fetch, carries them:
 * fetch sends a streamed body chunked, which S3 refuses, and got tells a connection that was never
 * made from one that was cut, which decides whether a write may have happened.
 */
export class S3Transport {
  readonly #target: S3Target;
  readonly #agents: ProxyAgents;
  /** A day's key is derived once: it takes two thirds of what signing a request costs. */
  readonly #signingKeys = new Map<string, ArrayBuffer>();
  #skewMs: number | undefined;

  constructor(target: S3Target, env: NodeJS.ProcessEnv = process.env) {
    this.#target = target;
    this.#agents = proxyAgents(env, { keepAlive: true, maxSockets: PARALLEL_REQUESTS });
  }

  /** By how many milliseconds this machine's clock is ahead of the storage's, once it answered. */
  get clockSkewMs(): number | undefined {
    return this.#skewMs;
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  /** A request without an interesting body in its answer. */
  async send(request: S3Request): Promise<S3Answer> {
    const { url, options } = await this.#prepare(request);
    const { body } = request;
    try {
      const textOptions: OptionsOfTextResponseBody = {
        ...options,
        responseType: 'text',
        ...(body === undefined ? {} : { body: 'stream' in body ? body.stream : body }),
      };
      const answer = await got(url, textOptions);
      this.#noteClock(answer.headers);
      if (answer.statusCode >= 300) {
        throw errorFromAnswer(answer.statusCode, answer.body, what(request));
      }
      // A copy that fails on the way says so in the body of an answer that began with 200:
      // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
      if (/^\s*(?:<\?xml[^>]*\?>\s*)?<Error[\s>]/.test(answer.body)) {
        throw errorFromAnswer(500, answer.body, what(request));
      }
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    } catch (error) {
      throw asS3Error(error, request);
    }
  }

  /** A GET whose body comes as a stream; the stream fails when the connection is cut. */
  async open(request: S3Request): Promise<Omit<S3Answer, 'body'> & { body: Readable }> {
    const { url, options } = await this.#prepare(request);
    const stream = got.stream(url, options as StreamOptions);
    try {
      const answer = await new Promise<{ statusCode: number; headers: IncomingHttpHeaders }>(
        (resolve, reject) => {
          stream.once('response', resolve);
          stream.once('error', reject);
        },
      );
      this.#noteClock(answer.headers);
      if (answer.statusCode >= 300) {
        throw errorFromAnswer(answer.statusCode, await readText(stream), what(request));
      }
      return { status: answer.statusCode, headers: answer.headers, body: stream };
    } catch (error) {
      stream.destroy();
      throw asS3Error(error, request);
    }
  }

  async #prepare(request: S3Request): Promise<{ url: URL; options: SharedOptions }> {
    const { accessKeyId, secretAccessKey, region } = this.#target;
    const signed = await new AwsV4Signer({
      method: request.method,
      url: objectUrl(this.#target, request),
      // Tigris: read after write across regions; other storages ignore it.
      headers: { ...request.headers, 'x-tigris-consistent': 'true' },
      accessKeyId,
      secretAccessKey,
      service: 's3',
      region,
      cache: this.#signingKeys,
    }).sign();
    const { body } = request;
    const length = body === undefined ? 0 : 'stream' in body ? body.length : body.byteLength;
    return {
      url: signed.url,
      options: {
        method: request.method,
        headers: {
          ...Object.fromEntries(signed.headers),
          ...(request.method === 'PUT' || request.method === 'POST'
            ? { 'content-length': String(length) }
            : {}),
        },
        agent: this.#agents,
        timeout: TIMEOUT,
        retry: { limit: 0 },
        throwHttpErrors: false,
        followRedirect: false,
        // What is stored is what is meant, also when an object carries a content encoding.
        decompress: false,
        // A body that ends early is an error and not a shorter body.
        strictContentLength: true,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      },
    };
  }

  #noteClock(headers: IncomingHttpHeaders): void {
    const server = Date.parse(headers.date ?? '');
    if (!Number.isNaN(server)) this.#skewMs = Date.now() - server;
  }
}

/** Path style where a bucket cannot be part of the host name: IP addresses and localhost. */
function objectUrl(target: S3Target, { key, query = {} }: S3Request): string {
  const url = new URL(target.endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const pairs = Object.entries(query).map((pair) => pair.map(encodeSegment).join('='));
  const search = pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  const path = `${key.split('/').map(encodeSegment).join('/')}${search}`;
  if (isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost')) {
    return `${url.origin}/${encodeSegment(target.bucket)}/${path}`;
  }
  return `${url.protocol}//${target.bucket}.${url.host}/${path}`;
}

/** RFC 3986: what `encodeURIComponent` leaves alone although S3 signs it encoded. */
export function encodeSegment(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

async function readText(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

function what(request: S3Request): string {
  return `${request.method} ${request.key === '' ? 'the bucket' : request.key}`;
}

function asS3Error(error: unknown, request: S3Request): unknown {
  if (error instanceof S3RequestError) return error;
  request.signal?.throwIfAborted();
  const reason = error instanceof Error ? error.message : String(error);
  return new S3RequestError('network', `${what(request)}: ${reason}`, { cause: error });
}
