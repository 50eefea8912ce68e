import { ServiceCommand } from '../../cli/service-command.ts';

export default class MountServiceStart extends ServiceCommand<typeof MountServiceStart> {
  static override summary = 'Start the background service now.';
  static override description =
    'Also after it has waited for you: what kept it is forgotten. Ends with 10 when it is not installed.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    await this.change('mount', 'started');
  }
}
