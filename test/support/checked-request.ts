import type * as z from 'zod/mini';
import { ROUTES } from '../../src/api/contract/routes.ts';
import type { KnownRoute } from '../../src/server/openapi.ts';

/** The route that a request is one of, `GET /users/:id`, and what the route does not take of it. */
interface Checked {
  /** Undefined: there is no such route. */
  route: string | undefined;
  faults: string[];
}

/** Compares a request with the server's routes. `path` is below the server's address. */
export async function checkRequest(
  routes: readonly KnownRoute[],
  path: string,
  request: Request,
): Promise<Checked> {
  const [known] = routes
    .filter(({ method, path: template }) => method === request.method && fits(template, path))
    // What is written out goes before what stands for anything, as in fastify.
    .toSorted((a, b) => a.path.split(':').length - b.path.split(':').length);
  if (known === undefined) return { route: undefined, faults: [] };
  const route = `${known.method} ${known.path}`;
  const form = ROUTES[route]?.form;
  const text = await request.text();
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  const sentType = request.headers.get('content-type') ?? '';
  const faults = [
    ...faultsOf('query', known.querystring, fieldsOf(new URL(request.url).search)),
    ...faultsOf('body', form ?? known.body, form === undefined ? jsonOf(text) : fieldsOf(text)),
    ...(text === '' || sentType.startsWith(type) ? [] : [`${sentType} instead of ${type}`]),
  ];
  return { route, faults };
}

function fits(template: string, path: string): boolean {
  const form = template.replaceAll('.', '\\.').replace(/:[a-z_]+/g, '[^/]+');
  return new RegExp(`^${form}$`).test(path);
}

const fieldsOf = (text: string): unknown => Object.fromEntries(new URLSearchParams(text));
/** Fastify validates an absent body as null. */
const jsonOf = (text: string): unknown => (text === '' ? null : JSON.parse(text));
const namesOf = (value: unknown): string => Object.keys(value ?? {}).join(', ');

function faultsOf(where: string, schema: z.ZodMiniType | undefined, value: unknown): string[] {
  if (schema === undefined) {
    return namesOf(value) === '' ? [] : [`${where}: ${namesOf(value)}, where nothing is taken`];
  }
  const { data, error } = schema.safeParse(value);
  if (error !== undefined) return [`${where}: ${error.message}`];
  // What the server would leave aside is a fault of the client as well.
  const left = Object.keys(value ?? {}).filter((name) => !Object.keys(data ?? {}).includes(name));
  return left.map((name) => `${where}: ${name} is not known`);
}
