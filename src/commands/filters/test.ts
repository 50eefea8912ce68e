import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags, gitignoreFlag } from '../../cli/folder-flags.ts';

export default class FiltersTest extends BaseCommand<typeof FiltersTest> {
  static override summary = 'Say whether a path is synced, and which rule decides it.';
  static override description =
    'Ends with 0 when all of the paths are synced and with 1 when one of them is ignored. A path need not exist; write a slash at its end to mean a folder.';
  static override strict = false;
  static override args = {
    path: Args.string({
      required: true,
      description: 'Path in the synced folder; several are fine.',
    }),
  };
  static override flags = { ...folderFlags, ...gitignoreFlag };
  static override examples = [
    '<%= config.bin %> <%= command.id %> notes/draft.md',
    '<%= config.bin %> <%= command.id %> build/ a.log --json',
  ];

  override async run(): Promise<void> {
    const { openFolder } = await import('../../bisync/sync-context.ts');
    const { testPaths } = await import('../../bisync/filter-report.ts');
    const { presentVerdicts } = await import('../../bisync/present-filters.ts');
    const { context, server, path, gitignore } = this.flags;
    const session = { context, server };
    const folder = await openFolder({ session, path, gitignore }, this.host);
    const result = await testPaths({ ...folder, cwd: process.cwd() }, this.words);
    this.out.result(result, presentVerdicts);
    process.exitCode = result.exitCode;
  }
}
