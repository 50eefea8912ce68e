import type { FastifyInstance } from 'fastify';
import { messagePage } from '../pages/device.ts';
import { PAGE_HEADERS } from '../pages/html.ts';
import { assertOwnForm } from '../plugins/own-form.ts';
import { toProblem } from '../plugins/problems.ts';
import { DevicePage, sendPage, type DevicePageDeps } from './device-page.ts';

const FORM_LIMIT = 8 * 1024;

/**
 * `/device`: where a person lets a device in (RFC 8628 §3.3), in three steps: which one, who are
 * you, for what. Plain forms; nothing is remembered but a cookie that ties the steps together.
 */
export function deviceRoutes(app: FastifyInstance, deps: DevicePageDeps): void {
  app.register(
    (scoped, _options, done) => {
      usePages(scoped, deps);
      const page = new DevicePage(deps);
      scoped.get('/', (request, reply) => page.begin(request, reply));
      const post = { bodyLimit: FORM_LIMIT };
      scoped.post('/', post, (request, reply) => page.enterCode(request, reply));
      scoped.post('/sign-in', post, (request, reply) => page.signIn(request, reply));
      scoped.post('/decide', post, (request, reply) => page.decide(request, reply));
      done();
    },
    { prefix: '/device' },
  );
}

function usePages(app: FastifyInstance, { issuer }: DevicePageDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, new URLSearchParams(body)),
  );
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(PAGE_HEADERS);
    if (request.method === 'POST') assertOwnForm(request, issuer());
    return Promise.resolve();
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.status >= 500) request.log.error({ err: error }, 'the device page failed');
    reply.headers(problem.headers);
    const { detail = 'Go back and try again.' } = problem.toBody();
    const text = messagePage(problem.message, detail, 'error', `${issuer()}/device`);
    return sendPage(reply, problem.status, text);
  });
}
