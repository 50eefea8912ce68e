import { BaseCommand } from '../../cli/base-command.ts';

export default class RcloneVersion extends BaseCommand<typeof RcloneVersion> {
  static override summary = 'Show the rclone that is used, where it is and what it can do.';
  static override description =
    'Which rclone is used, where it comes from, and what it can do here.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { findRclone } = await import('../../rclone/find.ts');
    const { presentVersion } = await import('../../rclone/present-rclone.ts');
    this.out.result(await findRclone({}, this.host), presentVersion);
  }
}
