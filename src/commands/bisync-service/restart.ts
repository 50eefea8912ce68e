import { BaseCommand } from '../../cli/base-command.ts';

export default class BisyncServiceRestart extends BaseCommand<typeof BisyncServiceRestart> {
  static override summary = 'Start the background service anew.';
  static override description =
    'For instance after an update of cloud or a change of the configuration.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { requestChange } = await import('../../cli/service-requests.ts');
    const { host, flags, config } = this;
    await requestChange(
      'restarted',
      { kind: 'bisync', flags, host, cliVersion: config.version },
      this.out,
    );
  }
}
