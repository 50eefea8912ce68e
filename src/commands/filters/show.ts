import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags, gitignoreFlag } from '../../cli/folder-flags.ts';

export default class FiltersShow extends BaseCommand<typeof FiltersShow> {
  static override summary = 'Show the rules for what is not synced, and where each comes from.';
  static override description =
    'The default list, then the .cloudignore files from the synced folder downwards, in the order in which they count: the last rule that matches decides.';
  static override flags = {
    ...folderFlags,
    ...gitignoreFlag,
    rclone: Flags.boolean({ description: 'Print them as rclone gets them (--filter-from).' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --gitignore --json',
    '<%= config.bin %> <%= command.id %> --rclone > rules.txt',
  ];

  override async run(): Promise<void> {
    const { openFolder } = await import('../../bisync/sync-context.ts');
    const { showFilters } = await import('../../bisync/filter-report.ts');
    const { presentFilters } = await import('../../bisync/present-filters.ts');
    const { context, server, path, gitignore, rclone } = this.flags;
    const session = { context, server };
    const folder = await openFolder({ session, path, gitignore }, this.host);
    const filters = await showFilters(folder.root, folder.gitignore);
    this.out.result(filters, rclone ? (all) => all.rclone.text.trimEnd() : presentFilters);
  }
}
