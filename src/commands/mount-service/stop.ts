import { BaseCommand } from '../../cli/base-command.ts';

export default class MountServiceStop extends BaseCommand<typeof MountServiceStop> {
  static override summary = 'Unmount and end the background service until the next login.';
  static override description =
    'What waits is uploaded first, for up to a minute; the rest is kept for the next mount.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { requestChange } = await import('../../cli/service-requests.ts');
    const { host, flags, config } = this;
    await requestChange(
      'stopped',
      { kind: 'mount', flags, host, cliVersion: config.version },
      this.out,
    );
  }
}
