import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import {
  CreateAdminToken,
  RotateAdminToken,
  type AdminTokenList,
  type AdminTokenWithSecret,
} from '../../api/contract/admin-tokens.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import {
  addAdminToken,
  listAdminTokens,
  revokeAdminToken,
  rotateAdminToken,
} from '../identity/admin-tokens.ts';
import { actorOf, principalOf, type Guards } from '../plugins/authentication.ts';

const Params = z.object({ id: z.string() });
type Params = z.infer<typeof Params>;
const Query = z.object({
  tenant: z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
  ended: z.optional(z.enum(['true', 'false'])),
});
type Query = z.infer<typeof Query>;
/** Fastify validates an absent body as null. */
const Rotation = z.nullable(RotateAdminToken);
const PATH = '/api/v1/admin/tokens';

export function adminTokenRoutes(
  app: FastifyInstance,
  deps: { db: Database; clock: Clock },
  guards: Guards,
): void {
  const onRequest = guards.administrator('tokens');
  app.get<{ Querystring: Query }>(
    PATH,
    { onRequest, schema: { querystring: Query } },
    async (request): Promise<AdminTokenList> => {
      const { tenant, ended } = request.query;
      const filter = { tenant, ended: ended === 'true' };
      return { tokens: await listAdminTokens(deps, principalOf(request), filter) };
    },
  );
  app.post<{ Body: CreateAdminToken }>(
    PATH,
    { onRequest, schema: { body: CreateAdminToken } },
    async (request, reply): Promise<AdminTokenWithSecret> => {
      const made = await addAdminToken(deps, principalOf(request), request.body, actorOf(request));
      reply.code(201).header('cache-control', 'no-store');
      return made;
    },
  );
  app.post<{ Params: Params; Body: RotateAdminToken | null }>(
    `${PATH}/:id/rotate`,
    { onRequest, schema: { params: Params, body: Rotation } },
    async (request, reply): Promise<AdminTokenWithSecret> => {
      const { params, body } = request;
      const principal = principalOf(request);
      const made = await rotateAdminToken(deps, principal, params.id, body ?? {}, actorOf(request));
      reply.code(201).header('cache-control', 'no-store');
      return made;
    },
  );
  app.delete<{ Params: Params }>(
    `${PATH}/:id`,
    { onRequest, schema: { params: Params } },
    async (request, reply) => {
      await revokeAdminToken(deps, principalOf(request), request.params.id, actorOf(request));
      return reply.code(204).send();
    },
  );
}
