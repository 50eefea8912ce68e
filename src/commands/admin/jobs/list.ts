import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminJobsList extends BaseCommand<typeof AdminJobsList> {
  static override summary = 'List what the server does from time to time, and how it went.';
  static override description =
    'With when each ran last, how long it took, and what waits for a later try.';
  static override hiddenAliases = ['admin:jobs:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { JOBS } = await import('../../../admin/present-jobs.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { jobs } = await client.listJobs();
    this.out.list(jobs, JOBS);
  }
}
