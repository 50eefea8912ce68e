import { ServiceCommand } from '../../cli/service-command.ts';

export default class MountServiceStatus extends ServiceCommand<typeof MountServiceStatus> {
  static override summary = 'Show how the background service is, and what it waits for.';
  static override description =
    'Looks at the definition, the manager of the system and the process itself. Ends with 0 when it runs or was stopped, with 10 when it is not installed, with the code that it waits with when you are needed, else with 1.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    await this.status('mount');
  }
}
