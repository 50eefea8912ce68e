import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags, gitignoreFlag } from '../../cli/folder-flags.ts';

export default class ConflictsList extends BaseCommand<typeof ConflictsList> {
  static override summary = 'List the files of which two versions were kept.';
  static override description =
    'Works offline. `local` is the version of the machine that met the conflict, `cloud` the one that was in the bucket; one of them has the name, the other is the copy beside it. Open ones wait for a choice; of the others a profile has chosen the name, or another machine has met them.';
  static override flags = { ...folderFlags, ...gitignoreFlag };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { conflictsIn } = await import('../../bisync/conflicts-context.ts');
    const { presentConflicts } = await import('../../bisync/present-conflicts.ts');
    const { context, server, path, gitignore } = this.flags;
    const list = await conflictsIn({ session: { context, server }, path, gitignore }, this.host);
    this.out.result(list, presentConflicts);
  }
}
