import { BaseCommand } from '../../cli/base-command.ts';

export default class RclonePath extends BaseCommand<typeof RclonePath> {
  static override summary = 'Print the path of the rclone that is used.';
  static override description =
    'The binary that every command would use now, for scripts. Ends with 12 when there is none.';
  static override examples = [
    '$(<%= config.bin %> <%= command.id %>) version',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { findRclone } = await import('../../rclone/find.ts');
    const { path, origin } = await findRclone({}, this.host);
    this.out.result({ path, origin }, (result) => result.path);
  }
}
