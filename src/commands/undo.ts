import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { durationFlag } from '../cli/duration-flag.ts';
import { folderFlags } from '../cli/folder-flags.ts';

export default class Undo extends BaseCommand<typeof Undo> {
  static override summary = 'Take back what a sync or a choice did, on both sides.';
  static override description =
    'Each file that it changed has the version from before again, here and in the bucket; what was new is removed. What somebody has changed since is left alone (exit code 3). What is replaced goes to the trash, and an undo can be taken back by another.';
  static override args = {
    run: Args.string({ description: 'Id of a run, or its end; without it the last one.' }),
  };
  static override flags = {
    ...folderFlags,
    'dry-run': Flags.boolean({ char: 'n', description: 'Only show what would be done.' }),
    list: Flags.boolean({
      description: 'Show what could be taken back, the newest first.',
      exclusive: ['dry-run'],
    }),
    limit: Flags.integer({
      description: 'With --list: so many at most.',
      helpValue: 'NUMBER',
      min: 1,
      default: 20,
    }),
    wait: durationFlag({
      description: 'Wait this long while another sync is at work here.',
      env: 'CLOUD_WAIT',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --list',
  ];

  override async run(): Promise<void> {
    const { undoableRuns, undoOutlook } = await import('../bisync/undo/undo-list.ts');
    const present = await import('../bisync/undo/present-undo.ts');
    const { context, server, path, list, limit, wait: waitMs, 'dry-run': dryRun } = this.flags;
    const folder = { session: { context, server }, path, signal: this.signal };
    if (list) {
      this.out.list(await undoableRuns({ ...folder, limit }, this.host), present.RUNS);
      return;
    }
    const { run, removesMany } = await undoOutlook({ ...folder, run: this.args.run }, this.host);
    if (removesMany && !dryRun) {
      await this.agreed(`This removes ${run.added} files on both sides (the trash keeps them).`);
    }
    const { openUndo } = await import('../bisync/undo/undo-context.ts');
    const { undoRun } = await import('../bisync/undo/undo-run.ts');
    const target = await openUndo(folder, this.host);
    const result = await undoRun({ ...target, run: run.id, dryRun, waitMs }, this.host);
    this.out.result(result, present.presentUndo);
    process.exitCode = result.exitCode;
  }
}
