import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.ts';

const ISSUING = new Set(['/tenant/mount/credentials', '/tenant/mount/credentials/:cred_id/rotate']);

/** Counts what was answered, and how long it took. A stream of events is not over when it begins. */
export function useRequestMetrics(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    // The route, not the address: what nobody foresaw must not become a label.
    const route = request.routeOptions.url ?? 'unknown';
    const status = reply.statusCode;
    metrics.requests.observe({ method, route, status }, reply.elapsedTime / 1000);
    if (method === 'POST' && ISSUING.has(route)) {
      metrics.issuances.inc({ outcome: outcomeOf(status) });
    }
    done();
  });
}

function outcomeOf(status: number): 'issued' | 'refused' | 'failed' {
  if (status < 400) return 'issued';
  return status < 500 ? 'refused' : 'failed';
}
