import { ServiceCommand } from '../../cli/service-command.ts';

export default class BisyncServiceUninstall extends ServiceCommand<typeof BisyncServiceUninstall> {
  static override summary = 'End the background service and remove it.';
  static override description =
    'What is synced stays where it is, on both sides. Safe to run again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    await this.change('bisync', 'uninstalled');
  }
}
