import type { FastifyInstance } from 'fastify';
import { isErrno } from '../platform/atomic-file.ts';
import { ServerStartError } from './errors.ts';
import type { ServerSettings } from './settings.ts';

/** @returns where this machine reaches it. @throws ServerStartError `port-taken`, `address-not-available` */
export async function bind(
  app: FastifyInstance,
  { host, port }: Pick<ServerSettings, 'host' | 'port'>,
): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    if (isErrno(cause, 'EADDRINUSE')) {
      throw new ServerStartError('port-taken', `Port ${port} is in use by another program.`, {
        suggestions: ['Choose another one: --port 8800'],
        cause,
      });
    }
    if (isErrno(cause, 'EADDRNOTAVAIL', 'ENOTFOUND', 'EACCES')) {
      throw new ServerStartError('address-not-available', `Cannot listen on ${host}:${port}.`, {
        cause,
      });
    }
    throw cause;
  }
  const bound = app.server.address();
  const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${actual}`;
}
