import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import type { DriftReport } from '../../api/contract/drift.ts';
import { findDrift } from '../domain/drift.ts';
import { fixDrift, type DriftFixDeps } from '../domain/drift-fix.ts';
import { actorOf, type Guards } from '../plugins/authentication.ts';

const Query = z.object({
  tenant: z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
  foreign: z.optional(z.enum(['true', 'false'])),
});
type Query = z.infer<typeof Query>;
const PATH = '/api/v1/admin/drift';

export function driftRoutes(app: FastifyInstance, deps: DriftFixDeps, guards: Guards): void {
  const route = { onRequest: guards.administrator('tenants'), schema: { querystring: Query } };
  app.get<{ Querystring: Query }>(PATH, route, async (request): Promise<DriftReport> => {
    const drifts = await findDrift(deps, request.query.tenant);
    return { findings: drifts.map(({ finding }) => finding) };
  });
  app.post<{ Querystring: Query }>(PATH, route, async (request): Promise<DriftReport> => {
    const { tenant, foreign } = request.query;
    const drifts = await findDrift(deps, tenant);
    const options = { foreign: foreign === 'true' };
    return { findings: await fixDrift(deps, drifts, actorOf(request), options) };
  });
}
