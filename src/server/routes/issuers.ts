import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import {
  AddIssuer,
  LinkIdentity,
  type Identity,
  type IdentityList,
  type Issuer,
  type IssuerList,
} from '../../api/contract/issuers.ts';
import { linkIdentity, listIdentities, unlinkIdentity } from '../identity/issuers/identities.ts';
import {
  addIssuer,
  listIssuers,
  removeIssuer,
  requireIssuer,
  toIssuer,
  type IssuerDeps,
} from '../identity/issuers/issuers.ts';
import { actorOf, type Guards } from '../plugins/authentication.ts';

const Params = z.object({ id: z.string() });
type Params = z.infer<typeof Params>;
const IdentityParams = z.object({ id: z.string(), subject: z.string() });
type IdentityParams = z.infer<typeof IdentityParams>;
const PATH = '/api/v1/admin/issuers';

/** Whom else to believe who somebody is. Owners only: a trusted issuer can speak for anybody. */
export function issuerRoutes(app: FastifyInstance, deps: IssuerDeps, guards: Guards): void {
  const { db } = deps;
  const onRequest = guards.administrator('instance');
  const one = { onRequest, schema: { params: Params } };
  app.get(PATH, { onRequest }, async (): Promise<IssuerList> => ({
    issuers: await listIssuers(db),
  }));
  app.post<{ Body: AddIssuer }>(
    PATH,
    { onRequest, schema: { body: AddIssuer } },
    async (request, reply): Promise<Issuer> => {
      const issuer = await addIssuer(deps, request.body, actorOf(request));
      reply.code(201);
      return issuer;
    },
  );
  app.get<{ Params: Params }>(`${PATH}/:id`, one, async (request): Promise<Issuer> =>
    toIssuer(await requireIssuer(db, request.params.id)),
  );
  app.delete<{ Params: Params }>(`${PATH}/:id`, one, async (request, reply) => {
    await removeIssuer(deps, request.params.id, actorOf(request));
    return reply.code(204).send();
  });
  app.get<{ Params: Params }>(
    `${PATH}/:id/identities`,
    one,
    async (request): Promise<IdentityList> => ({
      identities: await listIdentities(db, await requireIssuer(db, request.params.id)),
    }),
  );
  app.post<{ Params: Params; Body: LinkIdentity }>(
    `${PATH}/:id/identities`,
    { onRequest, schema: { params: Params, body: LinkIdentity } },
    async (request, reply): Promise<Identity> => {
      const issuer = await requireIssuer(db, request.params.id);
      const identity = await linkIdentity(deps, issuer, request.body, actorOf(request));
      reply.code(201);
      return identity;
    },
  );
  app.delete<{ Params: IdentityParams }>(
    `${PATH}/:id/identities/:subject`,
    { onRequest, schema: { params: IdentityParams } },
    async (request, reply) => {
      const issuer = await requireIssuer(db, request.params.id);
      await unlinkIdentity(deps, issuer, request.params.subject, actorOf(request));
      return reply.code(204).send();
    },
  );
}
