import * as z from 'zod/mini';
import { OAuthError, Problem, PROBLEM_CONTENT_TYPE } from '../api/contract/problem.ts';
import { ROUTES, type RouteContract } from '../api/contract/routes.ts';

/** Who may call a route: anybody who is signed in, or a credential of a kind with a scope. */
export interface Access {
  kind: 'signed-in' | 'administrator' | 'tenant';
  scope?: string;
}

export interface KnownRoute {
  method: string;
  /** As fastify writes it: `/users/:id`. */
  path: string;
  body: z.ZodMiniType | undefined;
  querystring: z.ZodMiniType | undefined;
  params: z.ZodMiniType | undefined;
  access: Access | undefined;
}

/** A test sees to it that there is none. */
const UNDESCRIBED: RouteContract = { summary: '', status: 200 };

type Json = Record<string, unknown>;

/** OpenAPI 3.1 of all routes; https://spec.openapis.org/oas/v3.1.1.html */
export function describeApi(routes: readonly KnownRoute[], version: string): object {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const contract = ROUTES[`${route.method} ${route.path}`] ?? UNDESCRIBED;
    const path = route.path.replace(/:([a-z_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, contract) };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'cloud', version },
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Problem: toJsonSchema(Problem, 'output'),
        OAuthError: toJsonSchema(OAuthError, 'output'),
      },
    },
  };
}

function operation(route: KnownRoute, contract: RouteContract): Json {
  const { access } = route;
  const parameters = [...pathParameters(route), ...queryParameters(route)];
  const body = requestBody(route, contract);
  return {
    summary: contract.summary,
    operationId: operationId(route),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { [contract.status]: success(contract), default: refusal(contract) },
    security: access === undefined ? [] : [{ bearer: [] }],
    ...(access === undefined ? {} : { 'x-access': access }),
  };
}

/** `get_api_v1_admin_users_id`. */
function operationId({ method, path }: KnownRoute): string {
  const words = path.split(/[^a-zA-Z0-9]+/).filter((word) => word !== '');
  return [method.toLowerCase(), ...words].join('_');
}

function pathParameters({ path, params }: KnownRoute): Json[] {
  const known = params === undefined ? {} : propertiesOf(params);
  return [...path.matchAll(/:([a-z_]+)/g)].map(([, name = '']) => {
    return { name, in: 'path', required: true, schema: known[name] ?? { type: 'string' } };
  });
}

function queryParameters({ querystring }: KnownRoute): Json[] {
  if (querystring === undefined) return [];
  const { required = [] } = toJsonSchema(querystring, 'input') as { required?: string[] };
  return Object.entries(propertiesOf(querystring)).map(([name, schema]) => {
    return { name, in: 'query', required: required.includes(name), schema };
  });
}

function requestBody({ body }: KnownRoute, { form }: RouteContract): Json | undefined {
  const schema = form ?? body;
  if (schema === undefined) return undefined;
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  // A body that may be left out is validated as null.
  const required = !schema.safeParse(null).success;
  return { required, content: { [type]: { schema: toJsonSchema(schema, 'input') } } };
}

function success({ answer, type = 'application/json' }: RouteContract): Json {
  if (answer === undefined) return { description: 'Done.' };
  return {
    description: 'Done.',
    content: { [type]: { schema: toJsonSchema(answer, 'output') } },
  };
}

function refusal({ oauth }: RouteContract): Json {
  const [type, name] =
    oauth === true ? ['application/json', 'OAuthError'] : [PROBLEM_CONTENT_TYPE, 'Problem'];
  return {
    description: 'Refused.',
    content: { [type]: { schema: { $ref: `#/components/schemas/${name}` } } },
  };
}

function propertiesOf(schema: z.ZodMiniType): Record<string, Json> {
  const { properties = {} } = toJsonSchema(schema, 'input') as {
    properties?: Record<string, Json>;
  };
  return properties;
}

function toJsonSchema(schema: z.ZodMiniType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io }) as Json;
  return rest;
}
