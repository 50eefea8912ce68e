import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags, gitignoreFlag } from '../../cli/folder-flags.ts';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';

export default class ConflictsResolve extends BaseCommand<typeof ConflictsResolve> {
  static override summary = 'Choose which version of a file keeps its name.';
  static override description =
    'The other version goes to the trash; with --keep both it gets a plain name beside the file. What is on the disk now counts. The bucket follows at once, or with the next sync when it cannot be reached (exit code 3).';
  static override strict = false;
  static override args = {
    file: Args.string({ description: 'Path of the file or of its copy; several are fine.' }),
  };
  static override flags = {
    ...folderFlags,
    ...gitignoreFlag,
    keep: Flags.option({
      description: 'Version that has the name afterwards; both keeps them side by side.',
      options: ['local', 'cloud', 'both', 'newer'] as const,
      required: true,
    })(),
    all: Flags.boolean({ description: 'Every conflict in the folder; asks first.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> notes/plan.md --keep local',
    '<%= config.bin %> <%= command.id %> --all --keep newer --yes',
  ];

  override async run(): Promise<void> {
    const { resolveInContext } = await import('../../bisync/conflicts-context.ts');
    const { presentResolved } = await import('../../bisync/present-conflicts.ts');
    const { context, server, path, gitignore, keep, all } = this.flags;
    if (all === this.words.length > 0) {
      throw new AbortError('bad-choice', 'Name files, or all of them with --all.', {
        exitCode: ExitCode.usage,
        suggestions: ['cloud conflicts list'],
      });
    }
    if (all && !(await this.confirm(`This resolves every conflict with --keep ${keep}.`))) return;
    const request = { session: { context, server }, path, gitignore, signal: this.signal };
    const paths = all ? 'all' : this.words;
    const result = await resolveInContext(request, { paths, keep }, this.host);
    this.out.result(result, presentResolved);
    process.exitCode = result.exitCode;
  }
}
