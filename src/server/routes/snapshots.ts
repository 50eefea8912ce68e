import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import {
  CreateSnapshot,
  VersionsQuery,
  type ObjectVersionList,
  type Snapshot,
  type SnapshotList,
} from '../../api/contract/snapshots.ts';
import {
  createSnapshot,
  listSnapshots,
  listVersions,
  type SnapshotDeps,
} from '../domain/snapshots.ts';
import { actorOf, tenantOf, type Guards } from '../plugins/authentication.ts';

/** Fastify validates an absent body as null. */
const Body = z.nullable(CreateSnapshot);

/** What a bucket keeps of its past, as far as a mount credential may not ask for it itself. */
export function snapshotRoutes(app: FastifyInstance, deps: SnapshotDeps, guards: Guards): void {
  app.get(
    '/tenant/snapshots',
    { onRequest: guards.tenant('mount:read') },
    async (request): Promise<SnapshotList> => listSnapshots(deps, tenantOf(request)),
  );
  app.post<{ Body: CreateSnapshot | null }>(
    '/tenant/snapshots',
    { onRequest: guards.tenant('mount'), schema: { body: Body } },
    async (request, reply): Promise<Snapshot> => {
      const name = request.body?.name;
      const snapshot = await createSnapshot(deps, tenantOf(request), name, actorOf(request));
      reply.code(201);
      return snapshot;
    },
  );
  app.get<{ Querystring: VersionsQuery }>(
    '/tenant/versions',
    { onRequest: guards.tenant('mount:read'), schema: { querystring: VersionsQuery } },
    async (request): Promise<ObjectVersionList> =>
      listVersions(deps, tenantOf(request), request.query.path),
  );
}
