import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class ServiceRun extends BaseCommand<typeof ServiceRun> {
  static override usesSettings = false;
  static override summary = 'Be a background service; started by the manager of the system.';
  static override hidden = true;
  static override args = { id: Args.string({ required: true, description: 'Id of the service.' }) };
  static override flags = {
    manager: Flags.option({
      description: 'Who started it.',
      options: ['systemd', 'launchd', 'keeper'] as const,
      default: 'systemd' as const,
    })(),
    keep: Flags.string({
      description: "Keep the service of this folder running, where the system's manager does not.",
      helpValue: 'DIR',
    }),
  };
  static override examples = ['<%= config.bin %> <%= command.id %> ID'];

  override async run(): Promise<void> {
    const { runService, keepService } = await import('../cli/run-service.ts');
    const { manager, keep } = this.flags;
    const run = { id: this.args.id, host: this.host, signal: this.signal };
    process.exitCode =
      keep === undefined ? await runService(run, manager) : await keepService(run, keep);
  }
}
