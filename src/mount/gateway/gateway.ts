import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../platform/clock.ts';
import type { S3Keys } from '../../rclone/environment.ts';
import type { S3Location } from '../../rclone/remote-settings.ts';
import { encodeSegment } from '../../s3/request.ts';
import { NotKeptError, VersionKeeper } from './keep-versions.ts';
import { pruneVersions } from './prune-versions.ts';
import { Upstream, keyOfPath, type StorageAccess } from './upstream.ts';
import { VERSIONS_PREFIX } from './version-keys.ts';
import { KeepingWrites, type Repeatable } from './writes.ts';

/** What rclone is told instead of the storage and its keys. */
export type GatewayRemote = S3Location & S3Keys & { sessionToken: string };

export interface Gateway {
  remote: GatewayRemote;
  /**
   * The descriptor it listens on, for rclone to inherit: as long as that lives, nobody else can
   * listen in our place and be sent what was meant for us. Undefined on Windows.
   */
  listener: number | undefined;
  /** From now on these keys. */
  use(access: StorageAccess): void;
  close(): Promise<void>;
}

export interface GatewayOptions {
  clock: Clock;
  /** Copies older than so many days are deleted; 0 keeps them for ever. */
  versionDays: number;
  onError: (what: string, error: unknown) => void;
}

/** Bodies up to this many bytes are held in memory, so that they can be sent again. */
const SMALL = 1024 ** 2;
const DAY_MS = 24 * 3_600_000;

/**
 * A storage on loopback between rclone and the real one, which copies each object aside before
 * rclone overwrites or deletes it. Only who knows the session token, rclone's own, is served; the
 * bucket's real keys stay in this process.
 */
export async function startGateway(
  access: StorageAccess,
  options: GatewayOptions,
): Promise<Gateway> {
  const upstream = new Upstream(access);
  const sessionToken = randomBytes(32).toString('base64url');
  const keeper = new VersionKeeper(upstream, options.clock);
  const handler = new Handler(upstream, keeper, sessionToken);
  const server = createServer((request, response) => {
    handler.handle(request, response).catch((error: unknown) => {
      options.onError(`${request.method ?? ''} ${request.url ?? ''}`, error);
      fail(response, error);
    });
  });
  // Uploads of large files take as long as they take.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const prune = (): void => {
    pruneVersions(upstream, options.clock.now() - options.versionDays * DAY_MS).catch(
      (error: unknown) => options.onError('clearing old versions', error),
    );
  };
  const pruning = options.versionDays > 0 ? setInterval(prune, DAY_MS).unref() : undefined;
  if (pruning !== undefined) prune();
  return {
    remote: {
      endpoint: `http://127.0.0.1:${port}`,
      region: access.region,
      accessKeyId: 'cloud-gateway',
      secretAccessKey: randomBytes(24).toString('base64url'),
      sessionToken,
    },
    listener: descriptorOf(server),
    use: (next) => upstream.use(next),
    close: async () => {
      clearInterval(pruning);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      upstream.close();
    },
  };
}

/** Node has no public way to it; without it the port is free when this process dies. */
function descriptorOf(server: Server): number | undefined {
  const { _handle: handle } = server as { _handle?: { fd?: number } };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}

class Handler {
  readonly #upstream: Upstream;
  readonly #keeper: VersionKeeper;
  readonly #writes: KeepingWrites;
  readonly #token: Buffer;

  constructor(upstream: Upstream, keeper: VersionKeeper, token: string) {
    this.#upstream = upstream;
    this.#keeper = keeper;
    this.#writes = new KeepingWrites(upstream, keeper);
    this.#token = Buffer.from(token);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parsed = this.#parse(request);
    if (!this.#isOurs(request) || parsed === undefined) {
      answerError(response, 403, 'AccessDenied');
      return;
    }
    const answer = await this.#forward(parsed, request, response);
    if (answer === undefined) return;
    response.writeHead(answer.statusCode ?? 502, answerHeaders(answer));
    await pipeline(answer, response);
  }

  #isOurs(request: IncomingMessage): boolean {
    const given = Buffer.from(String(request.headers['x-amz-security-token'] ?? ''));
    return given.length === this.#token.length && timingSafeEqual(given, this.#token);
  }

  #parse(request: IncomingMessage): Repeatable | undefined {
    const [path = '', ...rest] = (request.url ?? '').split('?');
    const root = `/${encodeSegment(this.#upstream.bucket)}`;
    if (path !== root && !path.startsWith(`${root}/`)) return undefined;
    const below = path.slice(root.length);
    return {
      method: request.method ?? 'GET',
      path: below === '/' ? '' : below,
      query: rest.length === 0 ? '' : `?${rest.join('?')}`,
      headers: forwardedHeaders(request),
    };
  }

  async #read(parsed: Repeatable): Promise<IncomingMessage> {
    const answer = await this.#upstream.send(parsed);
    const { etag } = answer.headers;
    if (answer.statusCode === 200 && etag !== undefined && parsed.path !== '') {
      this.#keeper.saw(keyOfPath(parsed.path), etag);
    }
    return answer;
  }

  async #forward(
    parsed: Repeatable,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<IncomingMessage | undefined> {
    const { method, path, query } = parsed;
    const inParts = /[?&]uploadId=/.test(query);
    if (method === 'GET' || method === 'HEAD') return this.#read(parsed);
    // Of the rest rclone uses only what follows; what would pass unseen must not pass at all.
    const known =
      path !== '' && (method === 'PUT' || method === 'DELETE' || inParts || isCreation(query));
    if (!known) {
      answerError(response, 501, 'NotImplemented');
      return undefined;
    }
    const own = keyOfPath(path).startsWith(VERSIONS_PREFIX);
    if (own || (inParts && method !== 'POST') || isCreation(query)) {
      return this.#upstream.send({ ...parsed, body: request });
    }
    if (method === 'DELETE') return this.#writes.delete(parsed);
    if (method === 'POST') {
      return this.#writes.complete({ ...parsed, body: await buffer(request) });
    }
    const source = request.headers['x-amz-copy-source'];
    if (typeof source === 'string') return this.#writes.copy(parsed, source);
    const length = Number(request.headers['content-length'] ?? Infinity);
    if (length > SMALL) return this.#writes.putStream(parsed, request);
    return this.#writes.putSmall({ ...parsed, body: await buffer(request) });
  }
}

function isCreation(query: string): boolean {
  return /^\?(?:.*&)?uploads(?:=|&|$)/.test(query);
}

/** What is signed anew, or belongs to this connection only. */
const NOT_FORWARDED =
  /^(?:authorization|host|connection|expect|accept-encoding|user-agent|te|transfer-encoding|x-amz-date|x-amz-security-token|amz-sdk-.*|x-forwarded-.*)$/;

function forwardedHeaders(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      value === undefined || NOT_FORWARDED.test(name)
        ? []
        : [[name, Array.isArray(value) ? value.join(',') : value]],
    ),
  );
}

function answerHeaders(answer: IncomingMessage): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(answer.headers).flatMap(([name, value]) =>
      value === undefined || /^(?:connection|keep-alive|transfer-encoding)$/.test(name)
        ? []
        : [[name, value]],
    ),
  );
}

function answerError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

/** As the storage said, or cut off, so that rclone tries again. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else if (error instanceof NotKeptError && error.answer.status >= 400) {
    const code = /<Code>(\w+)<\/Code>/.exec(error.answer.body)?.[1];
    answerError(response, error.answer.status, code ?? codeOf(error.answer.status));
  } else response.destroy();
}

/** HEAD has no body to say it in. */
function codeOf(status: number): string {
  if (status === 403) return 'AccessDenied';
  return status === 503 ? 'SlowDown' : 'InternalError';
}
