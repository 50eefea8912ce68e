import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv4, type AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { TigrisDelivery } from '../../../api/contract/events.ts';
import { isErrno } from '../../../platform/atomic-file.ts';
import type { ServerSettings } from '../../settings.ts';

/** For a while, where the server would be told of changes. */
export interface Ear extends AsyncDisposable {
  /** What a bucket can be set to; undefined: no address would lead here. */
  webhook: { url: string; token: string } | undefined;
  /** Why nothing can be heard; undefined: it listens. */
  deaf: string | undefined;
  /** The first that comes to the webhook's address: undefined, or what is wrong with it. */
  heard: Promise<string | undefined>;
}

type Settings = Pick<ServerSettings, 'host' | 'port' | 'publicUrl' | 'storage'>;

/**
 * A storage on this machine finds any port of it. Another one comes to the public address, which leads
 * to where the server listens: there, as long as no server does.
 */
export async function openEar({ host, port, publicUrl, storage }: Settings): Promise<Ear> {
  const path = `/webhooks/tigris/${randomUUID()}`;
  const token = randomBytes(24).toString('base64url');
  const { promise: heard, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer((request, response) => {
    void answer(request, response, path, token).then((first) => {
      if (first !== 'something else') resolve(first);
    });
  });
  const ear = (webhook: string | undefined, deaf?: string): Ear => ({
    webhook: webhook === undefined ? undefined : { url: webhook + path, token },
    deaf,
    heard,
    [Symbol.asyncDispose]: () => stop(server),
  });
  const isNear = storage.kind === 'embedded' || isThisMachine(storage.s3Endpoint);
  if (publicUrl === undefined && !isNear) {
    return ear(undefined, 'CLOUD_SERVER_PUBLIC_URL is not set: no address leads here');
  }
  const direct = publicUrl === undefined || storage.kind === 'embedded';
  const at = direct ? { host: '127.0.0.1', port: 0 } : { host, port };
  try {
    server.listen(at);
    await once(server, 'listening');
  } catch (error) {
    return ear(publicUrl, whyDeaf(error, at));
  }
  if (!direct) return ear(publicUrl);
  return ear(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function isThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return (
    ['localhost', '[::1]'].includes(hostname) || (isIPv4(hostname) && hostname.startsWith('127.'))
  );
}

function whyDeaf(error: unknown, { host, port }: { host: string; port: number }): string {
  if (isErrno(error, 'EADDRINUSE')) {
    return `port ${port} is in use; if by the server, stop it while this is tried`;
  }
  const { code } = error as NodeJS.ErrnoException;
  return `cannot listen on ${host}:${port} (${code ?? 'no reason given'})`;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  token: string,
): Promise<string | undefined> {
  const { method, url, headers } = request;
  if (method !== 'POST' || url !== path) {
    // Clients that look for the server which is usually here.
    response.writeHead(503, { 'retry-after': '60' }).end();
    return 'something else';
  }
  const body: unknown = await json(request).catch(() => undefined);
  response.writeHead(204).end();
  if (headers.authorization !== `Bearer ${token}`) return 'it came without the token';
  return TigrisDelivery.safeParse(body).success ? undefined : 'it is not in the form that is known';
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
