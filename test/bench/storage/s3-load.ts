import { createHmac, createHash } from 'node:crypto';
import { Agent, request } from 'node:http';

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
  readonly #agent: Agent;
  readonly #host: string;
  readonly #port: number;
  #key: { day: string; key: Buffer } | undefined;

  constructor(target: Target, connections: number) {
    const { hostname, port } = new URL(target.url);
    this.#target = target;
    this.#host = hostname;
    this.#port = Number(port);
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
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
  ): Promise<{ status: number; size: number; body: Buffer }> {
    const [pathname = '', query = ''] = path.split('?');
    const headers = this.#sign(method, pathname, query);
    return await new Promise((resolve, reject) => {
      const outgoing = request(
        {
          agent: this.#agent,
          host: this.#host,
          port: this.#port,
          method,
          path,
          headers: { ...headers, ...(body && { 'content-length': body.length }) },
        },
        (response) => {
          let size = 0;
          const kept: Buffer[] = [];
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (keep) kept.push(chunk);
          });
          response.on('error', reject);
          response.on('end', () => {
            if (!response.complete) reject(new Error(`${method} ${path}: cut`));
            else resolve({ status: response.statusCode ?? 0, size, body: Buffer.concat(kept) });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  #sign(method: string, pathname: string, query: string): Record<string, string> {
    const time = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
    const day = time.slice(0, 8);
    const host = `${this.#host}:${this.#port}`;
    const scope = `${day}/auto/s3/aws4_request`;
    const names = 'host;x-amz-content-sha256;x-amz-date';
    const canonical = `${method}\n${pathname}\n${query}\nhost:${host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:${time}\n\n${names}\nUNSIGNED-PAYLOAD`;
    const digest = createHash('sha256').update(canonical).digest('hex');
    const signature = createHmac('sha256', this.#signingKey(day))
      .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`)
      .digest('hex');
    return {
      host,
      'x-amz-date': time,
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      authorization: `AWS4-HMAC-SHA256 Credential=${this.#target.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    };
  }

  #signingKey(day: string): Buffer {
    if (this.#key?.day !== day) {
      let key: string | Buffer = `AWS4${this.#target.secretAccessKey}`;
      for (const text of [day, 'auto', 's3', 'aws4_request']) {
        key = createHmac('sha256', key).update(text).digest();
      }
      this.#key = { day, key: key as Buffer };
    }
    return this.#key.key;
  }

  close(): void {
    this.#agent.destroy();
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
