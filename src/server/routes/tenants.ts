import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import {
  ChangeTenant,
  CreateTenant,
  Purge,
  SetPolicy,
  type AbandonedState,
  type CreatedTenant,
  type PurgePlan,
  type PurgeState,
  type TenantDetail,
  type TenantList,
} from '../../api/contract/admin.ts';
import { abandonDeletion, planAbandon, type AbandonDeps } from '../domain/abandon.ts';
import { planPurge } from '../domain/purge-plan.ts';
import { changeTenant, removeTenant, restoreTenant } from '../domain/tenant-changes.ts';
import { setPolicy, type TenantPolicyDeps } from '../domain/tenant-policy.ts';
import { listTenants, requireTenant, showTenant, type ShownTenant } from '../domain/tenant-view.ts';
import { addTenant, type TenantDeps } from '../domain/tenants.ts';
import { HttpProblem, invalidField } from '../errors.ts';
import { actorOf, principalOf, type Guards } from '../plugins/authentication.ts';

const Params = z.object({ tenant: z.string() });
type Params = z.infer<typeof Params>;
const PurgeQuery = z.object({ dry_run: z.optional(z.enum(['true', 'false'])) });
type PurgeQuery = z.infer<typeof PurgeQuery>;
/** Fastify validates an absent body as null; a dry run needs none. */
const PurgeBody = z.nullable(Purge);

const PATH = '/api/v1/admin/tenants';
const ONE = `${PATH}/:tenant`;

type Deps = TenantDeps & TenantPolicyDeps & AbandonDeps;

export function tenantRoutes(app: FastifyInstance, deps: Deps, guards: Guards): void {
  const onRequest = guards.administrator('tenants');
  app.get(PATH, { onRequest }, async (request): Promise<TenantList> => {
    const mine = myRole(request);
    return { tenants: (await listTenants(deps.db)).map((tenant) => ({ ...tenant, ...mine })) };
  });
  app.post<{ Body: CreateTenant }>(
    PATH,
    { onRequest, schema: { body: CreateTenant } },
    async (request, reply): Promise<CreatedTenant> => {
      const tenant = await addTenant(deps, request.body, actorOf(request));
      reply.code(201).header('cache-control', 'no-store');
      return tenant;
    },
  );
  app.get<{ Params: Params }>(
    ONE,
    { onRequest, schema: { params: Params } },
    async (request): Promise<TenantDetail> =>
      asSeenBy(
        request,
        await showTenant(deps.db, deps.clock, await requireTenant(deps.db, request.params.tenant)),
      ),
  );
  app.patch<{ Params: Params; Body: ChangeTenant }>(
    ONE,
    { onRequest, schema: { params: Params, body: ChangeTenant } },
    async (request): Promise<TenantDetail> =>
      asSeenBy(
        request,
        await changeTenant(deps, request.params.tenant, request.body, actorOf(request)),
      ),
  );
  app.put<{ Params: Params; Body: SetPolicy }>(
    `${ONE}/policy`,
    { onRequest, schema: { params: Params, body: SetPolicy } },
    async (request): Promise<TenantDetail> =>
      asSeenBy(
        request,
        await setPolicy(deps, request.params.tenant, request.body, actorOf(request)),
      ),
  );
  app.delete<{ Params: Params }>(
    ONE,
    { onRequest, schema: { params: Params } },
    async (request): Promise<TenantDetail> =>
      asSeenBy(request, await removeTenant(deps, request.params.tenant, actorOf(request))),
  );
  app.post<{ Params: Params }>(
    `${ONE}/restore`,
    { onRequest, schema: { params: Params } },
    async (request): Promise<TenantDetail> =>
      asSeenBy(request, await restoreTenant(deps, request.params.tenant, actorOf(request))),
  );
  purgeRoutes(app, deps, guards);
}

/** What cannot be taken back. */
function purgeRoutes(app: FastifyInstance, deps: Deps, guards: Guards): void {
  const options = {
    onRequest: guards.administrator('instance'),
    schema: { params: Params, querystring: PurgeQuery, body: PurgeBody },
  };
  app.post<{ Params: Params; Querystring: PurgeQuery; Body: Purge | null }>(
    `${ONE}/purge`,
    options,
    async (request): Promise<PurgePlan | PurgeState> => {
      const { params, query, body } = request;
      if (query.dry_run === 'true') return planPurge(deps, params.tenant);
      if (body === null) throw confirmationNeeded();
      return deps.purges.begin(params.tenant, body.confirm, actorOf(request));
    },
  );
  app.post<{ Params: Params; Querystring: PurgeQuery; Body: Purge | null }>(
    `${ONE}/abandon`,
    options,
    async (request): Promise<AbandonedState> => {
      const { params, query, body } = request;
      if (query.dry_run === 'true') return planAbandon(deps, params.tenant);
      if (body === null) throw confirmationNeeded();
      return abandonDeletion(deps, params.tenant, body.confirm, actorOf(request));
    },
  );
}

function asSeenBy(request: FastifyRequest, tenant: ShownTenant): TenantDetail {
  return { ...tenant, ...myRole(request) };
}

/** Who comes this far is an owner or admin, and acts as such in every tenant: nothing to look up. */
function myRole(request: FastifyRequest): Pick<TenantDetail, 'my_role'> {
  const { role } = principalOf(request);
  if (role === null)
    throw new HttpProblem(403, 'administrator-needed', 'Only an administrator may do this.');
  return { my_role: role };
}

function confirmationNeeded(): HttpProblem {
  return invalidField('confirm', "It needs the tenant's slug as confirmation.");
}
