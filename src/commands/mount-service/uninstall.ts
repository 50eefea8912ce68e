import { ServiceCommand } from '../../cli/service-command.ts';

export default class MountServiceUninstall extends ServiceCommand<typeof MountServiceUninstall> {
  static override summary = 'End the background service and remove it.';
  static override description =
    'Uploads what waits, unmounts, and removes the service. Safe to run again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    await this.change('mount', 'uninstalled');
  }
}
