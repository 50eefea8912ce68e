import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class RcloneUpdate extends BaseCommand<typeof RcloneUpdate> {
  static override summary = 'Replace the private rclone by a newer one.';
  static override description =
    'Replaces the private copy only; one that a package manager installed is left to it.';
  static override flags = {
    mirror: Flags.string({
      description: 'Another place that holds the official zip files, for closed networks.',
      helpValue: 'URL',
      env: 'CLOUD_RCLONE_MIRROR',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { updateRclone } = await import('../../rclone/install/install.ts');
    const { installReporter, presentUpdate } = await import('../../rclone/present-rclone.ts');
    const options = { mirror: this.flags.mirror, signal: this.signal };
    const result = await updateRclone(options, this.host, installReporter(this.out));
    this.out.result(result, presentUpdate);
  }
}
