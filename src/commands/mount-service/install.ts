import * as Flags from '@oclif/core/flags';
import { ServiceCommand } from '../../cli/service-command.ts';
import { startFlag } from '../../cli/service-flags.ts';

export default class MountServiceInstall extends ServiceCommand<typeof MountServiceInstall> {
  static override summary = 'Serve the mount in the background, from every login on.';
  static override description =
    'What `cloud mount` does in a terminal, as a service of your user: launchd on macOS, systemd on Linux, the Task Scheduler on Windows. It asks for no administrator, starts again after a failure, and waits where a person is needed, as `status` says. Run it again after an update; it is then written anew.';
  static override flags = {
    path: Flags.string({
      description: 'Folder to mount at, instead of the one from setup.',
      helpValue: 'DIR',
      env: 'CLOUD_MOUNT_PATH',
    }),
    profile: Flags.string({
      description: 'fast, balanced, safe, or one of your own: `cloud profiles list`.',
      helpValue: 'NAME',
      env: 'CLOUD_PROFILE',
    }),
    ...startFlag,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --profile safe --no-start',
  ];

  override async run(): Promise<void> {
    await this.install('mount', this.flags);
  }
}
