import { BaseCommand } from '../cli/base-command.ts';

export default class Status extends BaseCommand<typeof Status> {
  static override summary =
    'Show account, synced folders, mounts and services on one screen, and what to do.';
  static override description =
    'Works offline and at once. Ends with 0 when nothing needs doing, else with the code of the most urgent: 78 a person is needed, 4 sign-in or key, 13 mount, 1 the last run failed, 10 nothing set up or synced yet, 5 offline, 3 open conflicts.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { statusReport } = await import('../status/report.ts');
    const { presentStatusReport } = await import('../status/present-status.ts');
    const { context, server } = this.flags;
    const report = await statusReport({ context, server }, this.host, this.config.version);
    const now = this.host.clock.now();
    this.out.result(report, (all, out) => presentStatusReport(all, out, now));
    process.exitCode = report.exitCode;
  }
}
