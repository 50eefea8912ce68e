import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { durationFlag } from '../cli/duration-flag.ts';
import { folderFlags } from '../cli/folder-flags.ts';
import { pastTimeFlag } from '../cli/past-time-flag.ts';

export default class Restore extends BaseCommand<typeof Restore> {
  static override summary = 'Give a file an earlier version, on both sides.';
  static override description =
    'Without --at and --version: the last version that differs from what is there now, or that was deleted. With --at a folder is restored as well: what was in it then comes back, and nothing is removed. What has changes that are not synced yet is left alone (exit code 3). What is replaced goes to the trash.';
  static override args = {
    file: Args.string({
      description: 'File or folder, as it is named below the synced folder.',
      required: true,
    }),
  };
  static override flags = {
    ...folderFlags,
    at: pastTimeFlag({
      description: 'As it was then: 2h ago, or "2026-11-25 18:00".',
      exclusive: ['version'],
    }),
    version: Flags.string({
      description: 'A version of `cloud history` or `cloud trash list`.',
      helpValue: 'ID',
    }),
    to: Flags.string({
      description: 'Put it into this folder instead; nothing is overwritten.',
      helpValue: 'DIR',
    }),
    'dry-run': Flags.boolean({ char: 'n', description: 'Only show what would be done.' }),
    wait: durationFlag({
      description: 'Wait this long while another sync is at work here.',
      env: 'CLOUD_WAIT',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> notes/plan.md',
    '<%= config.bin %> <%= command.id %> notes --at 2h --to /tmp/notes-of-noon',
  ];

  override async run(): Promise<void> {
    const { openUndo } = await import('../bisync/undo/undo-context.ts');
    const { restoreVersions } = await import('../bisync/undo/restore.ts');
    const { presentRestore } = await import('../bisync/undo/present-undo.ts');
    const { context, server, path, at, version, to, wait: waitMs, 'dry-run': dryRun } = this.flags;
    const folder = { session: { context, server }, path, signal: this.signal };
    const target = await openUndo(folder, this.host);
    const wanted = { file: this.args.file, at, version, to, dryRun, waitMs };
    const result = await restoreVersions({ ...target, ...wanted }, this.host);
    this.out.result(result, presentRestore);
    process.exitCode = result.exitCode;
  }
}
