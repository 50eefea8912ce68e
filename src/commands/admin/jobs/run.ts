import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminJobsRun extends BaseCommand<typeof AdminJobsRun> {
  static override summary = 'Run a job now, with what waits for a later try.';
  static override description =
    'What it would do by itself at its next time; the answer comes when it is done.';
  static override args = {
    name: Args.string({ description: 'Name of the job, as `list` shows it.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> deletion-retry',
    '<%= config.bin %> <%= command.id %> expiry --dry-run',
  ];
  static override flags = {
    'dry-run': Flags.boolean({ description: 'Only say what it would do.' }),
  };

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { presentJobRun } = await import('../../../admin/present-jobs.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const body = { dry_run: this.flags['dry-run'] };
    this.out.result(await client.runJob(this.args.name, body), presentJobRun);
  }
}
