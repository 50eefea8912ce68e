import { createServer, type AddressInfo } from 'node:net';

/** Something that listens on a free port of loopback until it is closed. */
export async function createSocketOnFreePort(): Promise<{
  port: number;
  close: () => Promise<void>;
}> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** A port that nobody used a moment ago. */
export async function freePort(): Promise<number> {
  const socket = await createSocketOnFreePort();
  await socket.close();
  return socket.port;
}
