import type { JobRun, JobStatus } from '../api/contract/jobs.ts';
import { shortTime } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import { fieldsNamed, type View } from '../output/view.ts';

export const JOBS: View<JobStatus> = {
  fields: {
    ...fieldsNamed('name', 'summary', 'every_s', 'can_dry_run', 'state', 'due_at', 'started_at'),
    ...fieldsNamed('finished_at', 'outcome', 'error', 'runs', 'failures'),
    report: ({ report }) => (report === null ? null : JSON.stringify(report)),
  },
  columns: [
    { key: 'name', title: 'JOB' },
    {
      title: 'STATE',
      show: ({ state, outcome }) => (state === 'running' ? state : (outcome ?? '')),
    },
    { title: 'LAST RUN', show: (job) => shortTime(job.finished_at ?? 'never') },
    { key: 'due_at', title: 'NEXT' },
    { title: 'FOUND', show: ({ error, report }) => error ?? describe(report ?? {}) },
  ],
  empty: 'There are no jobs.',
};

export function presentJobRun({ name, dry_run: dryRun, report }: JobRun, out: Output): string {
  const title = dryRun ? `What ${name} would do:` : `${name} is done.`;
  const fields = Object.entries(report).map(
    ([key, value]) => [key.replaceAll('_', ' '), toText(value)] as const,
  );
  return [out.style('bold', title), formatFields(fields)].join('\n').trimEnd();
}

/** Only what is not nothing. */
function describe(report: JobRun['report']): string {
  const found = Object.entries(report).filter(
    ([, value]) => value !== 0 && toText(value) !== 'none',
  );
  return found.map(([key, value]) => `${key.replaceAll('_', ' ')}: ${toText(value)}`).join(', ');
}

function toText(value: JobRun['report'][string]): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  return String(value);
}
