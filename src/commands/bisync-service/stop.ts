import { BaseCommand } from '../../cli/base-command.ts';

export default class BisyncServiceStop extends BaseCommand<typeof BisyncServiceStop> {
  static override summary = 'End the background service until the next login.';
  static override description =
    'The file in hand is finished first. `cloud pause` keeps it running and lets it rest.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { requestChange } = await import('../../cli/service-requests.ts');
    const { host, flags, config } = this;
    await requestChange(
      'stopped',
      { kind: 'bisync', flags, host, cliVersion: config.version },
      this.out,
    );
  }
}
