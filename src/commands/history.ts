import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import { folderFlags } from '../cli/folder-flags.ts';

export default class HistoryCommand extends BaseCommand<typeof HistoryCommand> {
  static override summary = 'Show the versions of a file that can be had back.';
  static override description =
    'The newest first: what the bucket keeps, what is in the trash here, and which device did it, as far as this one has seen it. Offline it shows what is known here.';
  static override args = {
    file: Args.string({
      description: 'File, as it is named below the synced folder.',
      required: true,
    }),
  };
  static override flags = { ...folderFlags };
  static override examples = [
    '<%= config.bin %> <%= command.id %> notes/plan.md',
    '<%= config.bin %> <%= command.id %> notes/plan.md --json',
  ];

  override async run(): Promise<void> {
    const { fileHistory } = await import('../bisync/undo/history.ts');
    const { presentHistory, VERSIONS } = await import('../bisync/undo/present-history.ts');
    const { context, server, path } = this.flags;
    const request = { session: { context, server }, path, signal: this.signal };
    const history = await fileHistory({ ...request, file: this.args.file }, this.host);
    if (this.flags.output === 'tsv') this.out.list(history.entries, VERSIONS);
    else this.out.result(history, presentHistory);
  }
}
