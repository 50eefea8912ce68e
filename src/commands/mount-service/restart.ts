import { BaseCommand } from '../../cli/base-command.ts';

export default class MountServiceRestart extends BaseCommand<typeof MountServiceRestart> {
  static override summary = 'Start the background service anew.';
  static override description =
    'For instance after an update of cloud. Programs that use the mount meanwhile get errors.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { requestChange } = await import('../../cli/service-requests.ts');
    const { host, flags, config } = this;
    await requestChange(
      'restarted',
      { kind: 'mount', flags, host, cliVersion: config.version },
      this.out,
    );
  }
}
