import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { HttpConnection, type Exchanged } from './http-connection.ts';

/** A store under load: where it is and who asks. */
export interface Target {
  url: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/**
 * The cheapest S3 client there is, so that a benchmark on two cores measures the store and not
 * its own client: header signature with an unsigned payload, one connection per worker.
 */
export class LoadClient {
  readonly #target: Target;
  readonly #host: string;
  readonly #connections: HttpConnection[];
  readonly #idle: HttpConnection[];
  readonly #queue: ((connection: HttpConnection) => void)[] = [];
  #key: { day: string; key: KeyObject } | undefined;
  #time = { second: 0, text: '' };

  constructor(target: Target, connections: number) {
    const { host, hostname, port } = new URL(target.url);
    this.#target = target;
    this.#host = host;
    this.#connections = Array.from(
      { length: connections },
      () => new HttpConnection(hostname, Number(port)),
    );
    this.#idle = [...this.#connections];
  }

  /** Resolves with the size of the reply, or with its text if the request has a query. */
  async send(method: string, path: string, body?: Uint8Array): Promise<string | number> {
    const reply = await this.exchange(method, path, body, path.includes('?'));
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status}`);
    return path.includes('?') ? reply.body.toString('utf8') : reply.size;
  }

  /** Any status; the body is kept only if `keep` says so. */
  async exchange(
    method: string,
    path: string,
    body: Uint8Array | undefined,
    keep: boolean,
  ): Promise<Exchanged> {
    const connection = this.#idle.pop() ?? (await this.#nextIdle());
    try {
      return await connection.exchange(this.#head(method, path), body, keep);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#idle.push(connection);
      else next(connection);
    }
  }

  #nextIdle(): Promise<HttpConnection> {
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  /** Request line and headers, signed. */
  #head(method: string, path: string): string {
    const [pathname = '', query = ''] = path.split('?');
    const time = this.#now();
    const day = time.slice(0, 8);
    const scope = `${day}/auto/s3/aws4_request`;
    const names = 'host;x-amz-content-sha256;x-amz-date';
    const digest = hash(
      'sha256',
      `${method}\n${pathname}\n${query}\nhost:${this.#host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:${time}\n\n${names}\nUNSIGNED-PAYLOAD`,
    );
    const signature = createHmac('sha256', this.#signingKey(day))
      .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`)
      .digest('hex');
    return (
      `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\nx-amz-date: ${time}\r\n` +
      'x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n' +
      `authorization: AWS4-HMAC-SHA256 Credential=${this.#target.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`
    );
  }

  #now(): string {
    const second = Math.floor(Date.now() / 1000);
    if (this.#time.second !== second) {
      const text = new Date(second * 1000).toISOString().replace(/[-:]|\.\d{3}/g, '');
      this.#time = { second, text };
    }
    return this.#time.text;
  }

  #signingKey(day: string): KeyObject {
    if (this.#key?.day !== day) {
      let key: string | Buffer = `AWS4${this.#target.secretAccessKey}`;
      for (const text of [day, 'auto', 's3', 'aws4_request']) {
        key = createHmac('sha256', key).update(text).digest();
      }
      this.#key = { day, key: createSecretKey(key as Buffer) };
    }
    return this.#key.key;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

export interface Measured {
  /** Operations per second over the whole run. */
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

/** Runs `operations` calls of `one` by `clients` workers, each its next when the last is done. */
export async function measure(
  clients: number,
  operations: number,
  one: (index: number) => Promise<unknown>,
): Promise<Measured> {
  const times: number[] = [];
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < operations) {
        const index = next;
        next += 1;
        const from = performance.now();
        await one(index);
        times.push(performance.now() - from);
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0;
  return { perSecond: operations / seconds, p50: at(0.5), p99: at(0.99) };
}
