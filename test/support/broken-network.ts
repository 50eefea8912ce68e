import { createConnection, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** - `pass`; - `refuse`: connections are cut; - `swallow`: nothing comes through, and nobody is told */
export type NetworkState = 'pass' | 'refuse' | 'swallow';

/** A network between a client and a server, which can be made to fail. */
export interface BrokenNetwork {
  url: string;
  set(state: NetworkState): void;
  /** Cuts the next connection that has sent this many bytes, and every one until `set('pass')`. */
  cutAfter(bytes: number): void;
  /** Connections that were cut. */
  cuts(): number;
}

/** In front of the server at `target`, a URL with a port; closed when the test ends. */
export async function startBrokenNetwork(target: string): Promise<BrokenNetwork> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<[Socket, Socket]>();
  let state: NetworkState = 'pass';
  let limit = Infinity;
  let cuts = 0;
  const drop = (pair: [Socket, Socket]): void => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const server = createServer((client) => {
    if (state === 'refuse') {
      cuts += 1;
      client.destroy();
      return;
    }
    const upstream = createConnection({ host: hostname, port: Number(port) });
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    let sent = 0;
    client.on('data', (chunk: Buffer) => {
      sent += chunk.length;
      if (sent > limit) {
        cuts += 1;
        drop(pair);
      } else upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => client.write(chunk));
    for (const socket of pair) {
      socket.on('error', () => drop(pair));
      socket.on('close', () => drop(pair));
      if (state === 'swallow') socket.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    for (const pair of pairs) drop(pair);
    server.close();
  };
  onTestFinished(close);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    set: (next) => {
      state = next;
      if (next === 'pass') limit = Infinity;
      for (const pair of pairs) {
        if (next === 'refuse') {
          cuts += 1;
          drop(pair);
          continue;
        }
        for (const socket of pair) {
          if (next === 'swallow') socket.pause();
          else socket.resume();
        }
      }
    },
    cutAfter: (bytes) => {
      limit = bytes;
    },
    cuts: () => cuts,
  };
}
