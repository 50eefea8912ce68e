import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

export interface Load {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

export interface Request {
  method: string;
  path: string;
  token: string;
  body?: string;
}

/** One kept-alive connection that asks one thing at a time and reads only as much as it must. */
class Connection {
  readonly #socket: Socket;
  readonly #host: string;
  #text = '';
  #answer: PromiseWithResolvers<{ status: number; body: string }> | undefined;

  constructor({ hostname, port, host }: URL) {
    this.#host = host;
    this.#socket = connect(Number(port), hostname);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (data) => this.#take(data.toString('latin1')));
    const fail = (): void => this.#answer?.reject(new Error('the server closed the connection'));
    this.#socket.on('error', fail);
    this.#socket.on('close', fail);
  }

  ask({ method, path, token, body }: Request): Promise<{ status: number; body: string }> {
    this.#answer = Promise.withResolvers();
    const type = body === undefined ? '' : 'content-type: application/json\r\n';
    const length = method === 'GET' ? '' : `content-length: ${body?.length ?? 0}\r\n`;
    this.#socket.write(
      `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\nauthorization: Bearer ${token}\r\n` +
        `${type}${length}\r\n${body ?? ''}`,
    );
    return this.#answer.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(data: string): void {
    this.#text += data;
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#text)?.[1] ?? 0);
    if (this.#text.length < end + 4 + length) return;
    const status = Number(this.#text.slice(9, 12));
    const body = this.#text.slice(end + 4);
    this.#text = '';
    this.#answer?.resolve({ status, body });
  }
}

/** As many as the server can answer to so many connections that each wait for their answer. */
export async function fullLoad(
  server: URL,
  connections: number,
  seconds: number,
  request: () => Request,
  then: (body: string) => Request | undefined = () => undefined,
): Promise<Load> {
  const times: number[] = [];
  const began = performance.now();
  const until = began + seconds * 1000;
  const work = async (): Promise<void> => {
    const connection = new Connection(server);
    while (performance.now() < until) {
      const at = performance.now();
      const { status, body } = await connection.ask(request());
      times.push(performance.now() - at);
      if (status >= 300) throw new Error(`${status} ${body}`);
      const next = then(body);
      if (next !== undefined) await connection.ask(next);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, work));
  return summary(times, performance.now() - began);
}

/** So many a second, whatever the server does; a time counts from when the request was due. */
export async function steadyLoad(
  server: URL,
  perSecond: number,
  seconds: number,
  request: () => Request,
): Promise<Load> {
  const idle = Array.from({ length: 64 }, () => new Connection(server));
  const all = [...idle];
  const times: number[] = [];
  const due: number[] = [];
  const running = new Set<Promise<void>>();
  const began = performance.now();
  const total = Math.floor(perSecond * seconds);
  const serve = async (connection: Connection, at: number): Promise<void> => {
    const { status, body } = await connection.ask(request());
    times.push(performance.now() - at);
    if (status >= 300) throw new Error(`${status} ${body}`);
    idle.push(connection);
  };
  for (let sent = 0; sent < total || due.length > 0;) {
    const now = performance.now();
    for (; sent < total && began + (sent * 1000) / perSecond <= now; sent += 1) {
      due.push(began + (sent * 1000) / perSecond);
    }
    while (due.length > 0 && idle.length > 0) {
      // In turn: one that is never used is closed by the server after a while, rightly.
      const work = serve(idle.shift()!, due.shift()!);
      running.add(work);
      void work.then(() => running.delete(work));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(running);
  for (const connection of all) connection.close();
  return summary(times, performance.now() - began);
}

export function summary(times: readonly number[], elapsedMs: number): Load {
  const sorted = times.toSorted((one, two) => one - two);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { perSecond: (times.length * 1000) / elapsedMs, p50: at(0.5), p99: at(0.99) };
}
