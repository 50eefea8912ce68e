import type { FastifyInstance } from 'fastify';
import { CreateTenant, type CreatedTenant, type TenantList } from '../../api/contract/admin.ts';
import { listTenants } from '../domain/tenant-view.ts';
import { addTenant, type TenantDeps } from '../domain/tenants.ts';
import { actorOf, type Guards } from '../plugins/authentication.ts';

export function tenantRoutes(app: FastifyInstance, deps: TenantDeps, guards: Guards): void {
  app.get(
    '/api/v1/admin/tenants',
    { onRequest: guards.administrator('tenants') },
    async (): Promise<TenantList> => ({ tenants: await listTenants(deps.db) }),
  );
  app.post<{ Body: CreateTenant }>(
    '/api/v1/admin/tenants',
    { onRequest: guards.administrator('tenants'), schema: { body: CreateTenant } },
    async (request, reply): Promise<CreatedTenant> => {
      const tenant = await addTenant(deps, request.body, actorOf(request));
      reply.code(201).header('cache-control', 'no-store');
      return tenant;
    },
  );
}
