import { BaseCommand } from '../../cli/base-command.ts';

export default class MountServiceUninstall extends BaseCommand<typeof MountServiceUninstall> {
  static override summary = 'End the background service and remove it.';
  static override description =
    'Uploads what waits, unmounts, and removes the service. Safe to run again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { requestChange } = await import('../../cli/service-requests.ts');
    const { host, flags, config } = this;
    await requestChange(
      'uninstalled',
      { kind: 'mount', flags, host, cliVersion: config.version },
      this.out,
    );
  }
}
