import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags } from '../../cli/folder-flags.ts';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';

export default class FiltersEdit extends BaseCommand<typeof FiltersEdit> {
  static override summary = 'Edit the .cloudignore of the synced folder.';
  static override description =
    'Opens $VISUAL or $EDITOR on a copy; the file is replaced at once when every line of it means something. What is ignored from then on stays where it is, on both sides.';
  static override flags = folderFlags;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    'EDITOR=nano <%= config.bin %> <%= command.id %>',
  ];

  override async run(): Promise<void> {
    const { openFolder } = await import('../../bisync/sync-context.ts');
    const { editFilters } = await import('../../bisync/edit-filters.ts');
    const { context, server, path } = this.flags;
    const { root } = await openFolder({ session: { context, server }, path }, this.host);
    if (!this.out.options.interactive) {
      throw new AbortError('no-terminal', 'An editor needs a terminal.', {
        exitCode: ExitCode.usage,
        suggestions: [`Edit the file yourself: ${root}/.cloudignore`],
      });
    }
    const result = await editFilters(root, this.host);
    this.out.result(result, ({ file, changed }) =>
      changed ? `Changed ${file}; the next sync goes by it.` : 'Nothing was changed.',
    );
  }
}
