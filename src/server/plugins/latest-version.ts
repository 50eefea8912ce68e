import type { FastifyInstance } from 'fastify';
import { LATEST_VERSION_HEADER, RELEASE } from '../../api/contract/latest-version.ts';

/** Every answer names the newest release, so that no program has to ask for it. */
export function useLatestVersion(app: FastifyInstance, version: string): void {
  if (!RELEASE.test(version)) return;
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header(LATEST_VERSION_HEADER, version);
    done();
  });
}
