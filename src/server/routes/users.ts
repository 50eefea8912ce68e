import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import {
  ChangeUser,
  CreateUser,
  ResetPassword,
  UserQuery,
  type CreatedUser,
  type NewPassword,
  type User,
  type UserList,
} from '../../api/contract/users.ts';
import { listUsers, showUser } from '../identity/user-list.ts';
import {
  activateUser,
  addUser,
  changeUser,
  deactivateUser,
  resetPassword,
  type UserDeps,
} from '../identity/users.ts';
import type { Caller } from '../identity/user-rows.ts';
import { actorOf, principalOf, type Guards } from '../plugins/authentication.ts';

const Params = z.object({ id: z.string() });
type Params = z.infer<typeof Params>;
/** Fastify validates an absent body as null. */
const Reset = z.nullable(ResetPassword);
const PATH = '/api/v1/admin/users';

export function userRoutes(app: FastifyInstance, deps: UserDeps, guards: Guards): void {
  const onRequest = guards.administrator('users');
  app.get<{ Querystring: UserQuery }>(
    PATH,
    { onRequest, schema: { querystring: UserQuery } },
    async (request): Promise<UserList> => listUsers(deps.db, request.query),
  );
  app.post<{ Body: CreateUser }>(
    PATH,
    { onRequest, schema: { body: CreateUser } },
    async (request, reply): Promise<CreatedUser> => {
      const user = await addUser(deps, request.body, callerOf(request));
      reply.code(201).header('cache-control', 'no-store');
      return user;
    },
  );
  app.get<{ Params: Params }>(
    `${PATH}/:id`,
    { onRequest, schema: { params: Params } },
    async (request): Promise<User> => showUser(deps.db, request.params.id),
  );
  app.patch<{ Params: Params; Body: ChangeUser }>(
    `${PATH}/:id`,
    { onRequest, schema: { params: Params, body: ChangeUser } },
    async (request): Promise<User> =>
      changeUser(deps, request.params.id, request.body, callerOf(request)),
  );
  app.post<{ Params: Params }>(
    `${PATH}/:id/deactivate`,
    { onRequest, schema: { params: Params } },
    async (request): Promise<User> => deactivateUser(deps, request.params.id, callerOf(request)),
  );
  app.post<{ Params: Params }>(
    `${PATH}/:id/activate`,
    { onRequest, schema: { params: Params } },
    async (request): Promise<User> => activateUser(deps, request.params.id, callerOf(request)),
  );
  app.post<{ Params: Params; Body: ResetPassword | null }>(
    `${PATH}/:id/reset-password`,
    { onRequest, schema: { params: Params, body: Reset } },
    async (request, reply): Promise<NewPassword> => {
      const { params, body } = request;
      const answer = await resetPassword(deps, params.id, body ?? {}, callerOf(request));
      reply.header('cache-control', 'no-store');
      return answer;
    },
  );
}

function callerOf(request: FastifyRequest): Caller {
  return { ...actorOf(request), principal: principalOf(request) };
}
