import type { FastifyInstance, RouteOptions } from 'fastify';
import type * as z from 'zod/mini';
import { ROUTES } from '../../api/contract/routes.ts';
import { describeApi, type KnownRoute } from '../openapi.ts';
import { accessOf } from './authentication.ts';

/**
 * What routes answer is checked against the contract, so that nothing leaves that is not in it; and
 * `/openapi.json` is made of the very schemas that requests and answers are checked with. Register
 * it before the routes.
 */
export function useContract(app: FastifyInstance, version: string): void {
  const known: KnownRoute[] = [];
  app.addHook('onRoute', (options) => {
    for (const method of [options.method].flat()) {
      if (method === 'HEAD' || method === 'OPTIONS') continue;
      // fastify knows a route at its prefix with and without a slash.
      const path = options.url === '/' ? '/' : options.url.replace(/\/$/, '');
      known.push(toKnown(method, path, options));
      const contract = ROUTES[`${method} ${path}`];
      if (contract?.answer === undefined || contract.type !== undefined) continue;
      options.schema = { ...options.schema, response: { [contract.status]: contract.answer } };
    }
  });
  app.setSerializerCompiler<z.ZodMiniType>(
    ({ schema }) =>
      (data: unknown) =>
        JSON.stringify(schema.parse(data)),
  );
  let document: object | undefined;
  app.get('/openapi.json', () => (document ??= describeApi(known, version)));
}

function toKnown(method: string, path: string, { schema, onRequest }: RouteOptions): KnownRoute {
  // Routes are validated by schemas of zod (validation.ts).
  const { body, querystring, params } = (schema ?? {}) as Record<string, z.ZodMiniType | undefined>;
  const guards = [onRequest ?? []].flat();
  const access = guards.map((guard) => accessOf(guard)).find((found) => found !== undefined);
  return { method, path, body, querystring, params, access };
}
