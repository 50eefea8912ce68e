import { sql } from 'kysely';
import type { FastifyInstance } from 'fastify';
import type { ServerVersion } from '../../api/contract/server.ts';
import { DatabaseUnavailableError } from '../db/database-errors.ts';
import type { Database } from '../db/sqlite.ts';
import type { Metrics } from '../metrics.ts';

interface ServiceDeps {
  db: Database;
  isListening: () => boolean;
  metrics: Metrics;
  version: string;
}

/** What needs no credential: is it alive, can it work, what is it. */
export function serviceRoutes(app: FastifyInstance, deps: ServiceDeps): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', async () => {
    await sql`select 1`.execute(deps.db);
    if (!deps.isListening()) {
      throw new DatabaseUnavailableError(new Error('the connection that listens was lost'));
    }
    return { status: 'ready' };
  });
  app.get('/metrics', { logLevel: 'warn' }, async (_request, reply) => {
    reply.type(deps.metrics.contentType);
    return deps.metrics.text();
  });
  app.get('/version', (): ServerVersion => ({ name: 'cloud', version: deps.version }));
}
