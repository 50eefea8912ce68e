import type { FastifyInstance } from 'fastify';

/** How long running requests may take to end, in milliseconds; then their connections are cut. */
const DRAIN_MS = 20_000;

/**
 * `close()` answers what is under way. The answer says that its connection ends, or a client would
 * keep it open, and with it the server, until the keep-alive time is over.
 */
export function useDraining(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
    setTimeout(() => app.server.closeAllConnections(), DRAIN_MS).unref();
    return Promise.resolve();
  });
  app.addHook('onSend', async (_request, reply, payload) => {
    if (closing) reply.header('connection', 'close');
    return Promise.resolve(payload);
  });
}
