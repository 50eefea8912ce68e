import { BaseCommand } from '../../cli/base-command.ts';

export default class BisyncServiceUninstall extends BaseCommand<typeof BisyncServiceUninstall> {
  static override summary = 'End the background service and remove it.';
  static override description =
    'What is synced stays where it is, on both sides. Safe to run again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { requestChange } = await import('../../cli/service-requests.ts');
    const { host, flags, config } = this;
    await requestChange(
      'uninstalled',
      { kind: 'bisync', flags, host, cliVersion: config.version },
      this.out,
    );
  }
}
