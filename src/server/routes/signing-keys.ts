import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import { RotateSigningKeys, type SigningKeyList } from '../../api/contract/signing-keys.ts';
import { JWKS_MAX_AGE_S, type SigningKeys } from '../domain/signing-keys.ts';
import { actorOf, type Guards } from '../plugins/authentication.ts';

/** Fastify validates an absent body as null. */
const Rotation = z.nullable(RotateSigningKeys);

export function signingKeyRoutes(
  app: FastifyInstance,
  { keys }: { keys: SigningKeys },
  guards: Guards,
): void {
  app.get('/.well-known/jwks.json', (_request, reply) => {
    reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE_S}`);
    return keys.jwks;
  });
  const onRequest = guards.administrator('instance');
  app.get('/api/v1/admin/signing-keys', { onRequest }, async (): Promise<SigningKeyList> => ({
    signing_keys: await keys.list(),
  }));
  app.post<{ Body: RotateSigningKeys | null }>(
    '/api/v1/admin/signing-keys/rotate',
    { onRequest, schema: { body: Rotation } },
    async (request): Promise<SigningKeyList> => ({
      signing_keys: await keys.rotate(actorOf(request), request.body?.compromised === true),
    }),
  );
}
