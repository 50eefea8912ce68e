import * as Flags from '@oclif/core/flags';
import { ServiceCommand } from '../../cli/service-command.ts';
import { startFlag } from '../../cli/service-flags.ts';

export default class BisyncServiceInstall extends ServiceCommand<typeof BisyncServiceInstall> {
  static override summary = 'Keep the folder in sync in the background, from every login on.';
  static override description =
    'What `cloud bisync --watch` does in a terminal, as a service of your user: launchd on macOS, systemd on Linux, the Task Scheduler on Windows. It asks for no administrator, starts again after a failure, and waits where a person is needed, as `status` says. Run it again after an update; it is then written anew.';
  static override flags = {
    path: Flags.string({
      description: 'Folder to sync, instead of the one from setup.',
      helpValue: 'DIR',
      env: 'CLOUD_PATH',
    }),
    profile: Flags.option({
      description: 'How careful or how fast; see `cloud bisync --help`.',
      options: ['safe', 'balanced', 'fast'] as const,
      env: 'CLOUD_PROFILE',
    })(),
    ...startFlag,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --profile safe --no-start',
  ];

  override async run(): Promise<void> {
    await this.install('bisync', this.flags);
  }
}
