import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { folderFlags } from '../../cli/folder-flags.ts';

export default class TrashRestore extends BaseCommand<typeof TrashRestore> {
  static override summary = 'Put a file back from the trash, on both sides.';
  static override description =
    'The last version in it, or the one that is named. What is there now goes to the trash itself; what has changes that are not synced yet is left alone (exit code 3).';
  static override args = {
    file: Args.string({
      description: 'File, as it is named below the synced folder.',
      required: true,
    }),
  };
  static override flags = {
    ...folderFlags,
    version: Flags.string({ description: 'A version of `cloud trash list`.', helpValue: 'ID' }),
    to: Flags.string({
      description: 'Put it into this folder instead; nothing is overwritten.',
      helpValue: 'DIR',
    }),
    'dry-run': Flags.boolean({ char: 'n', description: 'Only show what would be done.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> notes/plan.md',
    '<%= config.bin %> <%= command.id %> notes/plan.md --to /tmp',
  ];

  override async run(): Promise<void> {
    const { openUndo } = await import('../../bisync/undo/undo-context.ts');
    const { restoreVersions } = await import('../../bisync/undo/restore.ts');
    const { presentRestore } = await import('../../bisync/undo/present-undo.ts');
    const { context, server, path, version, to, 'dry-run': dryRun } = this.flags;
    const folder = { session: { context, server }, path, signal: this.signal };
    const wanted = { file: this.args.file, version, to, dryRun, onlyTrash: true };
    const target = await openUndo(folder, this.host);
    const result = await restoreVersions({ ...target, ...wanted }, this.host);
    this.out.result(result, presentRestore);
    process.exitCode = result.exitCode;
  }
}
