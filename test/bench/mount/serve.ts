import { startTestServer } from '../../support/server.ts';

/** What the process of the server is asked for, and answers, over Node's channel. */
export type ServerRequest = { ask: 'latency'; ms: number } | { ask: 'requests' };
export interface ServerStarted {
  url: string;
  keys: Record<string, string>;
}

/** The server in a process of its own, as clients meet it. Ends when its parent hangs up. */
const tenants = process.argv.slice(2);
const server = await startTestServer({ tenants, env: { CLOUD_SERVER_LOG_LEVEL: 'silent' } });
const { faults, requests } = server.objectStore;
process.on('message', (request: ServerRequest) => {
  if (request.ask === 'latency') faults.set({ latencyMs: request.ms });
  process.send?.(request.ask === 'requests' ? requests.counts() : {});
});
process.on('disconnect', () => void server.close().then(() => process.exit(0)));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
const keys = Object.fromEntries(tenants.map((slug) => [slug, server.apiKeyOf(slug)]));
process.send?.({ url: server.url, keys } satisfies ServerStarted);
