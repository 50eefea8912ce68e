import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { AwsV4Signer } from 'aws4fetch';
import type { BucketAccess } from '../../session/bucket-access.ts';
import { encodeSegment } from '../../s3/request.ts';

export type StorageAccess = Pick<
  BucketAccess,
  'endpoint' | 'region' | 'bucket' | 'accessKeyId' | 'secretAccessKey'
>;

export interface UpstreamRequest {
  method: string;
  /** Encoded, below the bucket, with its leading slash; empty for the bucket itself. */
  path: string;
  /** With its question mark, or empty. */
  query: string;
  headers: Record<string, string>;
  /** A stream needs a `content-length` among the headers. */
  body?: Readable | Buffer;
}

/** Milliseconds without a byte before a connection to the storage counts as dead. */
const SILENCE_MS = 60_000;

/** Signs requests with the bucket's keys and sends them to the storage, bodies as streams. */
export class Upstream {
  #access: StorageAccess;
  readonly #agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({ keepAlive: true }),
  };

  /** A day's key is derived once: it takes two thirds of what signing a request costs. */
  readonly #signingKeys = new Map<string, ArrayBuffer>();

  constructor(access: StorageAccess) {
    this.#access = access;
  }

  /** From now on these keys; requests under way end with those they began with. */
  use(access: StorageAccess): void {
    this.#access = access;
    this.#signingKeys.clear();
  }

  get bucket(): string {
    return this.#access.bucket;
  }

  /** The answer as it comes, whatever its status. @throws when the storage is not reached */
  async send({ method, path, query, headers, body }: UpstreamRequest): Promise<IncomingMessage> {
    const { accessKeyId, secretAccessKey, region } = this.#access;
    const signed = await new AwsV4Signer({
      ...{ method, headers, accessKeyId, secretAccessKey, region, service: 's3' },
      url: `${bucketUrl(this.#access)}${path}${query}`,
      cache: this.#signingKeys,
    }).sign();
    const { url } = signed;
    const secure = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const sent = (secure ? httpsRequest : httpRequest)(
        url,
        {
          method,
          headers: Object.fromEntries(signed.headers),
          agent: secure ? this.#agents['https:'] : this.#agents['http:'],
          timeout: SILENCE_MS,
        },
        resolve,
      );
      sent.once('timeout', () => sent.destroy(new Error('the storage is silent')));
      sent.once('error', reject);
      if (body === undefined || Buffer.isBuffer(body)) sent.end(body);
      else {
        body.once('error', (error) => sent.destroy(error));
        body.once('close', () => {
          if (!body.readableEnded) sent.destroy(new Error('the body ended early'));
        });
        body.pipe(sent);
      }
    });
  }

  /** The same for an answer that is small. */
  async ask(request: UpstreamRequest): Promise<SmallAnswer> {
    const answer = await this.send(request);
    const body = await text(answer);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body };
  }

  close(): void {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }
}

export interface SmallAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Path style where a bucket cannot be part of the host name: IP addresses and localhost. */
function bucketUrl({ endpoint, bucket }: StorageAccess): string {
  const url = new URL(endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost')) {
    return `${url.origin}/${encodeSegment(bucket)}`;
  }
  return `${url.protocol}//${bucket}.${url.host}`;
}

/** The path of an object below its bucket, encoded as S3 signs it. */
export function pathOfKey(key: string): string {
  return `/${key.split('/').map(encodeSegment).join('/')}`;
}

export function keyOfPath(path: string): string {
  return decodeURIComponent(path.slice(1));
}
