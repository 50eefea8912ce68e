import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags } from '../../cli/folder-flags.ts';

export default class TrashListCommand extends BaseCommand<typeof TrashListCommand> {
  static override summary = 'List what syncing replaced and deleted here.';
  static override description =
    'Works offline. The newest first, with how much is kept and for how long.';
  static override args = {
    file: Args.string({ description: 'Only this file, or what was below this folder.' }),
  };
  static override flags = { ...folderFlags };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> notes --json',
  ];

  override async run(): Promise<void> {
    const { listTrash } = await import('../../bisync/undo/trash.ts');
    const { presentTrash, TRASH_FILES } = await import('../../bisync/undo/present-history.ts');
    const { context, server, path } = this.flags;
    const request = { session: { context, server }, path, file: this.args.file };
    const trash = await listTrash(request, this.host);
    if (this.flags.output === 'tsv') this.out.list(trash.files, TRASH_FILES);
    else this.out.result(trash, presentTrash);
  }
}
