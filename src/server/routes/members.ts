import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import { AddMember, ChangeMember, type Member, type MemberList } from '../../api/contract/users.ts';
import { PageQuery } from '../../api/contract/page.ts';
import { assertAllowed, findTenant, resolveTenant } from '../domain/tenant-view.ts';
import { HttpProblem } from '../errors.ts';
import { addMember, changeMember, listMembers, removeMember } from '../identity/members.ts';
import type { UserDeps } from '../identity/users.ts';
import { actorOf, principalOf, requireScope, type Guards } from '../plugins/authentication.ts';

const Tenant = z.object({ tenant: z.string() });
type Tenant = z.infer<typeof Tenant>;
const One = z.object({ tenant: z.string(), user: z.string() });
type One = z.infer<typeof One>;
const PATH = '/api/v1/admin/tenants/:tenant/members';

/** Who works in a tenant: administered by the server's administrators and its own. */
export function memberRoutes(app: FastifyInstance, deps: UserDeps, guards: Guards): void {
  const { signedIn: onRequest } = guards;
  app.get<{ Params: Tenant; Querystring: PageQuery }>(
    PATH,
    { onRequest, schema: { params: Tenant, querystring: PageQuery } },
    async (request): Promise<MemberList> =>
      listMembers(deps.db, await tenantOf(deps, request), request.query),
  );
  app.post<{ Params: Tenant; Body: AddMember }>(
    PATH,
    { onRequest, schema: { params: Tenant, body: AddMember } },
    async (request, reply): Promise<Member> => {
      const tenantId = await tenantOf(deps, request);
      const member = await addMember(deps, tenantId, request.body, actorOf(request));
      reply.code(201);
      return member;
    },
  );
  app.patch<{ Params: One; Body: ChangeMember }>(
    `${PATH}/:user`,
    { onRequest, schema: { params: One, body: ChangeMember } },
    async (request): Promise<Member> => {
      const tenantId = await tenantOf(deps, request);
      const { user } = request.params;
      return changeMember(deps, tenantId, user, request.body.role, actorOf(request));
    },
  );
  app.delete<{ Params: One }>(
    `${PATH}/:user`,
    { onRequest, schema: { params: One } },
    async (request, reply) => {
      const tenantId = await tenantOf(deps, request);
      await removeMember(deps, tenantId, request.params.user, actorOf(request));
      return reply.code(204).send();
    },
  );
}

/**
 * The tenant of the address, by id or slug, if the caller administers it.
 *
 * @throws HttpProblem 403 `scope-missing`; 404: missing and not yours are the same
 */
async function tenantOf(
  { db }: UserDeps,
  request: FastifyRequest<{ Params: Tenant }>,
): Promise<string> {
  const principal = principalOf(request);
  requireScope(principal, principal.tenantId === null ? 'users' : 'tenant');
  if (principal.tenantId !== null) assertAllowed(await findTenant(db, principal.tenantId));
  const tenant = await resolveTenant(db, request.params.tenant);
  const isActive = tenant?.status === 'active';
  if (isActive && (principal.tenantId ?? tenant.id) === tenant.id) return tenant.id;
  throw new HttpProblem(404, 'tenant-not-found', 'There is no such tenant.');
}
