import * as z from 'zod/mini';

const Report = z.record(z.string(), z.union([z.number(), z.string(), z.array(z.string())]));

export const JobStatus = z.object({
  name: z.string(),
  summary: z.string(),
  /** Seconds from the end of a run to the next. */
  every_s: z.number(),
  can_dry_run: z.boolean(),
  state: z.enum(['waiting', 'running']),
  due_at: z.string(),
  started_at: z.nullable(z.string()),
  finished_at: z.nullable(z.string()),
  /** Of the last run that ended. */
  outcome: z.nullable(z.enum(['done', 'failed'])),
  error: z.nullable(z.string()),
  /** Of the last run that succeeded. */
  report: z.nullable(Report),
  runs: z.number(),
  /** In a row. */
  failures: z.number(),
});
export type JobStatus = z.infer<typeof JobStatus>;

/** `GET /api/v1/admin/jobs` (scope `tenants`). */
export const JobList = z.object({ jobs: z.array(JobStatus) });
export type JobList = z.infer<typeof JobList>;

/**
 * Optional body of `POST /api/v1/admin/jobs/{name}/run`, 200 with `JobRun` when it is done.
 * 404 `job-not-found`, 409 `job-running`, 422 for a dry run where there is none.
 */
export const RunJob = z.strictObject({ dry_run: z.optional(z.boolean()) });
export type RunJob = z.infer<typeof RunJob>;

export const JobRun = z.object({ name: z.string(), dry_run: z.boolean(), report: Report });
export type JobRun = z.infer<typeof JobRun>;
