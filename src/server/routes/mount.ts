import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import {
  CreateMountCredential,
  RotateMountCredential,
  type MountCredentialList,
  type MountCredentialWithSecret,
  type MountInfo,
} from '../../api/contract/mount.ts';
import { issueMountCredential, type IssuanceDeps } from '../domain/issuance.ts';
import {
  confirmMountCredential,
  listMountCredentials,
  revokeMountCredential,
  type RevocationDeps,
} from '../domain/mount-credentials.ts';
import { mountInfo } from '../domain/mount-info.ts';
import { rotateMountCredential } from '../domain/mount-rotation.ts';
import { subjectsOf, type Principal } from '../identity/principal.ts';
import {
  actorOf,
  principalOf,
  requireScope,
  tenantOf,
  type Guards,
} from '../plugins/authentication.ts';

/** Fastify validates an absent body as null. */
const Body = z.nullable(CreateMountCredential);
const RotateBody = z.nullable(RotateMountCredential);
/** Not checked for its form: what is no id names no credential, which is a 404. */
const Params = z.object({ cred_id: z.string() });
type Params = z.infer<typeof Params>;

/** SPEC-8's four routes, `confirm` and `rotate`. */
export function mountRoutes(
  app: FastifyInstance,
  deps: IssuanceDeps & RevocationDeps,
  guards: Guards,
): void {
  app.get(
    '/tenant/mount/info',
    { onRequest: guards.tenant('mount:read', { newestKey: true }) },
    async (request): Promise<MountInfo> =>
      mountInfo(deps, tenantOf(request), principalOf(request).newestKey),
  );
  app.get(
    '/tenant/mount/credentials',
    { onRequest: guards.tenant('mount:read') },
    async (request): Promise<MountCredentialList> =>
      listMountCredentials(
        deps,
        tenantOf(request),
        await subjectsOf(deps.db, principalOf(request)),
      ),
  );
  app.post<{ Body: CreateMountCredential | null }>(
    '/tenant/mount/credentials',
    { onRequest: guards.tenant('mount:read'), schema: { body: Body } },
    async (request, reply): Promise<MountCredentialWithSecret> => {
      const body = request.body ?? {};
      const principal = principalOf(request);
      if (body.permission !== 'ro') requireScope(principal, 'mount');
      const issued = await issueMountCredential(deps, tenantOf(request), body, actorOf(request), {
        subjects: principal.user === null ? undefined : await subjectsOf(deps.db, principal),
        stillAllowed: (transaction) =>
          guards.stillAllowed(
            request,
            body.permission === 'ro' ? 'mount:read' : 'mount',
            transaction,
          ),
      });
      reply.code(201).header('cache-control', 'no-store');
      return issued;
    },
  );
  app.post<{ Params: Params }>(
    '/tenant/mount/credentials/:cred_id/confirm',
    { onRequest: guards.tenant('mount:read'), schema: { params: Params } },
    async (request, reply) => {
      const { cred_id: id } = request.params;
      await confirmMountCredential(deps, tenantOf(request), id, actorOf(request));
      return reply.code(204).send();
    },
  );
  app.post<{ Params: Params; Body: RotateMountCredential | null }>(
    '/tenant/mount/credentials/:cred_id/rotate',
    { onRequest: guards.tenant('mount:read'), schema: { params: Params, body: RotateBody } },
    async (request, reply): Promise<MountCredentialWithSecret> => {
      const principal = principalOf(request);
      const issued = await rotateMountCredential(
        deps,
        tenantOf(request),
        request.params.cred_id,
        actorOf(request),
        await mayEndOf(deps.db, principal),
        {
          scopes: principal.scopes,
          confirmWithin: request.body?.confirm_within,
          recheck: (scope, transaction) => guards.stillAllowed(request, scope, transaction),
        },
      );
      reply.code(201).header('cache-control', 'no-store');
      return issued;
    },
  );
  app.delete<{ Params: Params }>(
    '/tenant/mount/credentials/:cred_id',
    { onRequest: guards.tenant('mount'), schema: { params: Params } },
    async (request, reply) => {
      const mayEnd = await mayEndOf(deps.db, principalOf(request));
      const { cred_id: id } = request.params;
      await revokeMountCredential(deps, tenantOf(request), id, actorOf(request), mayEnd);
      return reply.code(204).send();
    },
  );
}

/** One's own, or with the scope of the whole tenant anybody's. */
async function mayEndOf(
  db: RevocationDeps['db'],
  principal: Principal,
): Promise<(createdBy: string) => boolean> {
  const own = await subjectsOf(db, principal);
  return (createdBy) => own.has(createdBy) || principal.scopes.includes('tenant');
}
