import { BaseCommand } from '../../cli/base-command.ts';
import { logFlags } from '../../cli/service-flags.ts';

export default class BisyncServiceLogs extends BaseCommand<typeof BisyncServiceLogs> {
  static override summary = 'Show what the background service said.';
  static override description =
    'The newest come last; older files are read too. With --follow it goes on until Ctrl-C.';
  static override flags = { ...logFlags };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --limit 20',
    '<%= config.bin %> <%= command.id %> --follow',
  ];

  override async run(): Promise<void> {
    const { requestLogs } = await import('../../cli/service-requests.ts');
    const { host, flags, config, signal } = this;
    const { limit, follow } = flags;
    await requestLogs(
      { kind: 'bisync', flags, host, cliVersion: config.version },
      { limit, follow, signal },
      this.out,
    );
  }
}
