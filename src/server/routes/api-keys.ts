import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import {
  CreateApiKey,
  RotateApiKey,
  type ApiKeyList,
  type ApiKeyWithSecret,
} from '../../api/contract/api-keys.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { addApiKey, listApiKeys, revokeApiKey, rotateApiKey } from '../identity/api-keys.ts';
import { actorOf, principalOf, type Guards } from '../plugins/authentication.ts';

const Params = z.object({ id: z.string() });
type Params = z.infer<typeof Params>;
/** Fastify validates an absent body as null. */
const Rotation = z.nullable(RotateApiKey);

export function apiKeyRoutes(
  app: FastifyInstance,
  deps: { db: Database; clock: Clock },
  guards: Guards,
): void {
  const { signedIn: onRequest } = guards;
  app.get('/api/v1/api-keys', { onRequest }, async (request): Promise<ApiKeyList> => ({
    api_keys: await listApiKeys(deps, principalOf(request)),
  }));
  app.post<{ Body: CreateApiKey }>(
    '/api/v1/api-keys',
    { onRequest, schema: { body: CreateApiKey } },
    async (request, reply): Promise<ApiKeyWithSecret> => {
      const made = await addApiKey(deps, principalOf(request), request.body, actorOf(request));
      reply.code(201).header('cache-control', 'no-store');
      return made;
    },
  );
  app.post<{ Params: Params; Body: RotateApiKey | null }>(
    '/api/v1/api-keys/:id/rotate',
    { onRequest, schema: { params: Params, body: Rotation } },
    async (request, reply): Promise<ApiKeyWithSecret> => {
      const { params, body } = request;
      const principal = principalOf(request);
      const made = await rotateApiKey(deps, principal, params.id, body ?? {}, actorOf(request));
      reply.code(201).header('cache-control', 'no-store');
      return made;
    },
  );
  app.delete<{ Params: Params }>(
    '/api/v1/api-keys/:id',
    { onRequest, schema: { params: Params } },
    async (request, reply) => {
      await revokeApiKey(deps, principalOf(request), request.params.id, actorOf(request));
      return reply.code(204).send();
    },
  );
}
