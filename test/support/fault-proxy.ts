import { Agent, createServer, request as send, type IncomingMessage } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type S3Method = 'LIST' | 'GET' | 'HEAD' | 'PUT' | 'DELETE' | 'POST';

/** One request to the storage, as it passes. */
export interface SeenRequest {
  method: S3Method;
  /** Decoded, without the bucket; empty for the bucket itself. */
  key: string;
  /** How many of this method came before it, since the script was set. */
  nth: number;
}

/** What becomes of one request. */
export type Fate =
  | { type: 'pass' }
  /** 5xx, `before` the storage saw the request or `after` it did what was asked: a lost reply. */
  | { type: 'error'; status: 500 | 503; when: 'before' | 'after' }
  /** The connection ends: before, in the middle of the request, after the deed, or mid-reply. */
  | { type: 'cut'; at: 'before' | 'request' | 'reply' | 'body' }
  | { type: 'delay'; ms: number }
  /** A LIST is answered as it was some different answers ago. */
  | { type: 'stale'; back: number };

export interface ProxyScript {
  /** The request waits until this resolves. */
  before?: (request: SeenRequest) => Promise<void> | void;
  fate?: (request: SeenRequest) => Fate;
  /** The storage has done it; the reply waits until this resolves. */
  after?: (request: SeenRequest) => Promise<void> | void;
}

export interface FaultProxy extends AsyncDisposable {
  /** Stands for the storage's own URL. */
  url: string;
  /** From now on this; undefined lets everything pass. Counters begin anew. */
  follow(script: ProxyScript | undefined): void;
  /** Requests since the last `follow`, by method. */
  counts(): Partial<Record<S3Method, number>>;
  /** How often a fate other than `pass` was dealt, ever. */
  faults(): number;
}

/** Earlier answers to each LIST by its URL, the newest last; proxies of one bucket share them. */
export type ListingHistory = Map<string, Buffer[]>;

interface Answer {
  status: number;
  headers: string[];
  body: Buffer;
}

/**
 * A proxy before an S3 storage that makes trouble by script. Requests and replies are held whole, so
 * that "before the deed", "after the deed" and "in the middle" are exact.
 */
export async function startFaultProxy(
  target: string,
  history: ListingHistory = new Map(),
): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(target);
  let script: ProxyScript = {};
  let counts: Partial<Record<S3Method, number>> = {};
  let faults = 0;

  /** Undefined when the storage ended the connection. */
  const forward = (message: IncomingMessage, body: Buffer, part = 1): Promise<Answer | undefined> =>
    new Promise((resolve) => {
      const { method, url, rawHeaders: headers } = message;
      const upstream = send({ agent, hostname, port, method, path: url, headers }, (reply) => {
        const chunks: Buffer[] = [];
        reply.on('data', (chunk: Buffer) => chunks.push(chunk));
        reply.on('error', () => resolve(undefined));
        reply.on('end', () => {
          const { statusCode: status = 500, rawHeaders } = reply;
          resolve({ status, headers: rawHeaders, body: Buffer.concat(chunks) });
        });
      });
      upstream.on('error', () => resolve(undefined));
      if (part === 1) upstream.end(body);
      else upstream.write(body.subarray(0, body.length * part), () => upstream.destroy());
    });

  const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(message);
    if (body === undefined) return;
    const { method, key } = nameOf(message);
    const seen: SeenRequest = { method, key, nth: counts[method] ?? 0 };
    counts[method] = seen.nth + 1;
    const { before, fate: choose, after } = script;
    await before?.(seen);
    const fate = choose?.(seen) ?? { type: 'pass' };
    if (fate.type !== 'pass') faults += 1;
    if (fate.type === 'delay') await new Promise((resolve) => setTimeout(resolve, fate.ms));
    if (fate.type === 'cut' && fate.at === 'before') return void response.destroy();
    if (fate.type === 'cut' && fate.at === 'request') {
      await forward(message, body, 0.5);
      return void response.destroy();
    }
    if (fate.type === 'error' && fate.when === 'before') {
      fail(response, fate.status);
      return;
    }
    const answer = await forward(message, body);
    await after?.(seen);
    if (answer === undefined || (fate.type === 'cut' && fate.at === 'reply')) {
      return void response.destroy();
    }
    if (fate.type === 'error') {
      fail(response, fate.status);
      return;
    }
    if (method === 'LIST' && answer.status === 200) {
      answer.body = listing(message.url ?? '', answer.body, fate);
    }
    response.writeHead(answer.status, withLength(answer, method));
    if (fate.type !== 'cut') return void response.end(answer.body);
    response.write(answer.body.subarray(0, answer.body.length / 2), () => response.destroy());
  };

  const listing = (url: string, body: Buffer, fate: Fate): Buffer => {
    const known = history.get(url) ?? [];
    if (known.at(-1)?.equals(body) !== true) known.push(body);
    history.set(url, known.slice(-8));
    return fate.type === 'stale' ? (known.at(-1 - fate.back) ?? known[0] ?? body) : body;
  };

  const server = createServer({ keepAliveTimeout: 60_000 }, (message, response) => {
    response.on('error', () => undefined);
    handle(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    follow: (next) => {
      script = next ?? {};
      counts = {};
    },
    counts: () => ({ ...counts }),
    faults: () => faults,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

/** Undefined when the client went away. */
async function bodyOf(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } catch {
    return undefined;
  }
}

/** Path style: `/bucket/key`. */
function nameOf(message: IncomingMessage): Pick<SeenRequest, 'method' | 'key'> {
  const [path = '', query = ''] = (message.url ?? '').split('?');
  const key = decodeURIComponent(path.split('/').slice(2).join('/'));
  const isList = message.method === 'GET' && key === '' && query.includes('list-type');
  return { method: isList ? 'LIST' : (message.method as S3Method), key };
}

/** The reply's own headers, with the length of what is really sent. */
function withLength({ headers, body }: Answer, method: S3Method): string[] {
  if (method === 'HEAD') return headers;
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (/^(content-length|transfer-encoding)$/i.test(name)) continue;
    kept.push(name, headers[index + 1] ?? '');
  }
  return [...kept, 'content-length', String(body.length)];
}

function fail(response: ServerResponse, status: 500 | 503): void {
  const code = status === 500 ? 'InternalError' : 'SlowDown';
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`,
  );
}
