import type { FastifyInstance } from 'fastify';
import { AuditQuery, type AuditCheck, type AuditEventList } from '../../api/contract/audit.ts';
import type { Database } from '../db/sqlite.ts';
import { listAuditEvents } from '../domain/audit-list.ts';
import type { AuditTrail } from '../domain/audit-trail.ts';
import type { Guards } from '../plugins/authentication.ts';

const PATH = '/api/v1/admin/audit-events';

export function auditRoutes(
  app: FastifyInstance,
  { db, trail }: { db: Database; trail: AuditTrail },
  guards: Guards,
): void {
  const onRequest = guards.administrator('audit:read');
  app.get<{ Querystring: AuditQuery }>(
    PATH,
    { onRequest, schema: { querystring: AuditQuery } },
    async (request): Promise<AuditEventList> => listAuditEvents(db, request.query),
  );
  app.get(`${PATH}/verify`, { onRequest }, async (): Promise<AuditCheck> => trail.verify());
}
