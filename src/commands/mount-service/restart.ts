import { ServiceCommand } from '../../cli/service-command.ts';

export default class MountServiceRestart extends ServiceCommand<typeof MountServiceRestart> {
  static override summary = 'Start the background service anew.';
  static override description =
    'For instance after an update of cloud. Programs that use the mount meanwhile get errors.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    await this.change('mount', 'restarted');
  }
}
