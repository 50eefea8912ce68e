import { http, HttpResponse, type HttpHandler } from 'msw';
import { expect } from 'vitest';
import { ROUTES, type RouteAnswers } from '../../src/api/contract/routes.ts';

/**
 * A handler that answers `route` of the server at `base` (no slash at its end) with `body`. Types and
 * the contract's schemas refuse a body that the server cannot send, and `seen` gets what was asked.
 */
export function answer<R extends keyof RouteAnswers>(
  base: string,
  route: R,
  body: RouteAnswers[R],
  seen: (request: Request) => unknown = () => undefined,
): HttpHandler {
  const { status, answer: schema, form } = ROUTES[route]!;
  // As strict as the server, which leaves out what the schema does not have.
  if (schema !== undefined) expect(schema.parse(body)).toEqual(body);
  return on(base, route, async (request) => {
    if (form !== undefined) {
      const fields = Object.fromEntries(new URLSearchParams(await request.clone().text()));
      expect.soft(form.safeParse(fields).error, route).toBeUndefined();
    }
    await seen(request);
    return schema === undefined
      ? new HttpResponse(null, { status })
      : HttpResponse.json(body, { status });
  });
}

/** A handler of `route` for what is no proper answer: refusals, other servers, silence. */
export function on(
  base: string,
  route: keyof RouteAnswers,
  respond: (request: Request) => Response | Promise<Response>,
): HttpHandler {
  const [method = '', path = ''] = route.split(' ');
  return http[method.toLowerCase() as 'get'](base + path, ({ request }) => respond(request));
}
