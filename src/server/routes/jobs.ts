import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import { RunJob, type JobList, type JobRun } from '../../api/contract/jobs.ts';
import type { JobRunner } from '../jobs/runner.ts';
import type { Guards } from '../plugins/authentication.ts';

const Params = z.object({ name: z.string() });
type Params = z.infer<typeof Params>;
/** Fastify validates an absent body as null. */
const Body = z.nullable(RunJob);

export function jobRoutes(app: FastifyInstance, { jobs }: { jobs: JobRunner }, guards: Guards) {
  const onRequest = guards.administrator('tenants');
  app.get('/api/v1/admin/jobs', { onRequest }, async (): Promise<JobList> => ({
    jobs: await jobs.list(),
  }));
  app.post<{ Params: Params; Body: RunJob | null }>(
    '/api/v1/admin/jobs/:name/run',
    { onRequest, schema: { params: Params, body: Body } },
    async (request): Promise<JobRun> => {
      const { name } = request.params;
      const dryRun = request.body?.dry_run === true;
      return { name, dry_run: dryRun, report: await jobs.run(name, { dryRun }) };
    },
  );
}
