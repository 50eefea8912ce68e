import { ServiceCommand } from '../../cli/service-command.ts';

export default class BisyncServiceStop extends ServiceCommand<typeof BisyncServiceStop> {
  static override summary = 'End the background service until the next login.';
  static override description =
    'The file in hand is finished first. `cloud pause` keeps it running and lets it rest.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    await this.change('bisync', 'stopped');
  }
}
