import { BaseCommand } from '../../cli/base-command.ts';

export default class BisyncServiceStatus extends BaseCommand<typeof BisyncServiceStatus> {
  static override summary = 'Show how the background service is, and what it waits for.';
  static override description =
    'Looks at the definition, the manager of the system and the process itself. Ends with 0 when it runs or was stopped, with 10 when it is not installed, with the code that it waits with when you are needed, else with 1.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { requestStatus } = await import('../../cli/service-requests.ts');
    const { presentServiceStatus } = await import('../../service/present-service.ts');
    const { host, flags, config } = this;
    const status = await requestStatus({ kind: 'bisync', flags, host, cliVersion: config.version });
    const now = host.clock.now();
    this.out.result(status, (all, out) => presentServiceStatus(all, out, now));
    process.exitCode = status.exitCode;
  }
}
