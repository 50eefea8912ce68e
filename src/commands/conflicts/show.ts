import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags, gitignoreFlag } from '../../cli/folder-flags.ts';

export default class ConflictsShow extends BaseCommand<typeof ConflictsShow> {
  static override summary = 'Show both versions of a file: machine, time, size, where each is.';
  static override description = 'Works offline and reads no contents.';
  static override args = {
    file: Args.string({ required: true, description: 'Path of the file or of its copy.' }),
  };
  static override flags = { ...folderFlags, ...gitignoreFlag };
  static override examples = [
    '<%= config.bin %> <%= command.id %> notes/plan.md',
    '<%= config.bin %> <%= command.id %> notes/plan.md --json',
  ];

  override async run(): Promise<void> {
    const { conflictsAt } = await import('../../bisync/conflicts-context.ts');
    const { presentConflictDetails } = await import('../../bisync/present-conflicts.ts');
    const { context, server, path, gitignore } = this.flags;
    const request = { session: { context, server }, path, gitignore };
    const found = await conflictsAt(request, this.args.file, this.host);
    this.out.result(found, presentConflictDetails);
  }
}
