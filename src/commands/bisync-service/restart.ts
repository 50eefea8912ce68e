import { ServiceCommand } from '../../cli/service-command.ts';

export default class BisyncServiceRestart extends ServiceCommand<typeof BisyncServiceRestart> {
  static override summary = 'Start the background service anew.';
  static override description =
    'For instance after an update of cloud or a change of the configuration.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    await this.change('bisync', 'restarted');
  }
}
