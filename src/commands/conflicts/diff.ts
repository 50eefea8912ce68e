import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags, gitignoreFlag } from '../../cli/folder-flags.ts';

export default class ConflictsDiff extends BaseCommand<typeof ConflictsDiff> {
  static override summary = 'Show how the two versions of a file differ.';
  static override description =
    'A unified diff from the file to its copy for text up to 4 MiB, sizes and times for anything else. Works offline.';
  static override args = {
    file: Args.string({ required: true, description: 'Path of the file or of its copy.' }),
  };
  static override flags = { ...folderFlags, ...gitignoreFlag };
  static override examples = [
    '<%= config.bin %> <%= command.id %> notes/plan.md',
    '<%= config.bin %> <%= command.id %> notes/plan.md | less',
  ];

  override async run(): Promise<void> {
    const { diffsAt } = await import('../../bisync/conflicts-context.ts');
    const { presentDiffs } = await import('../../bisync/present-conflicts.ts');
    const { context, server, path, gitignore } = this.flags;
    const request = { session: { context, server }, path, gitignore };
    this.out.result(await diffsAt(request, this.args.file, this.host), presentDiffs);
  }
}
