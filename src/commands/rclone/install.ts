import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class RcloneInstall extends BaseCommand<typeof RcloneInstall> {
  static override summary = 'Install rclone privately where no suitable one is there.';
  static override description =
    'An rclone that is there and suitable is used and never changed. Else the ways to get one are tried in order; --verbose says why one is passed over. Nothing needs root, and sudo is never called.';
  static override flags = {
    method: Flags.option({
      description:
        'Install this way, also where a suitable rclone is there; existing installs none.',
      options: [
        ...(['existing', 'official', 'apt', 'brew', 'dnf', 'pacman', 'zypper', 'apk'] as const),
        ...(['winget', 'choco', 'scoop'] as const),
      ],
      env: 'CLOUD_RCLONE_METHOD',
    })(),
    mirror: Flags.string({
      description: 'Another place that holds the official zip files, for closed networks.',
      helpValue: 'URL',
      env: 'CLOUD_RCLONE_MIRROR',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    {
      description: 'From a mirror in a closed network',
      command:
        '<%= config.bin %> <%= command.id %> --method official --mirror https://mirror.example/rclone',
    },
  ];

  override async run(): Promise<void> {
    const { installRclone } = await import('../../rclone/install/install.ts');
    const { installReporter, presentInstall } = await import('../../rclone/present-rclone.ts');
    const { method, mirror } = this.flags;
    const options = { method, mirror, signal: this.signal };
    const result = await installRclone(options, this.host, installReporter(this.out));
    this.out.result(result, presentInstall);
  }
}
