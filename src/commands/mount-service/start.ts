import { BaseCommand } from '../../cli/base-command.ts';

export default class MountServiceStart extends BaseCommand<typeof MountServiceStart> {
  static override summary = 'Start the background service now.';
  static override description =
    'Also after it has waited for you: what kept it is forgotten. Ends with 10 when it is not installed.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { requestChange } = await import('../../cli/service-requests.ts');
    const { host, flags, config } = this;
    await requestChange(
      'started',
      { kind: 'mount', flags, host, cliVersion: config.version },
      this.out,
    );
  }
}
