import { ServiceCommand } from '../../cli/service-command.ts';

export default class MountServiceStop extends ServiceCommand<typeof MountServiceStop> {
  static override summary = 'Unmount and end the background service until the next login.';
  static override description =
    'What waits is uploaded first, for up to a minute; the rest is kept for the next mount.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    await this.change('mount', 'stopped');
  }
}
