import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { folderFlags } from '../cli/folder-flags.ts';

export default class ActivityCommand extends BaseCommand<typeof ActivityCommand> {
  static override summary = 'Show what syncing did: which file, when, in which direction.';
  static override description =
    'Works offline. The newest come last. With --follow it goes on until Ctrl-C, a line for each; with --json an array, or a document a line.';
  static override args = {
    file: Args.string({ description: 'Only this file or folder, as it is named in the bucket.' }),
  };
  static override flags = {
    ...folderFlags,
    limit: Flags.integer({
      char: 'n',
      description: 'Show so many at most.',
      helpValue: 'NUMBER',
      min: 0,
      default: 30,
    }),
    runs: Flags.boolean({ description: 'Show the comparisons of both sides as well.' }),
    follow: Flags.boolean({ char: 'f', description: 'Go on with what happens from now on.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> notes/ --limit 5',
    '<%= config.bin %> <%= command.id %> --follow --json',
  ];

  override async run(): Promise<void> {
    const { followActivity, recentActivity } = await import('../bisync/follow-activity.ts');
    const { activityLine, presentActivity } = await import('../bisync/present-activity.ts');
    const { activityFolder } = await import('../bisync/watch/watched-folder.ts');
    const { context, server, path, limit, runs, follow } = this.flags;
    const folder = await activityFolder({ session: { context, server }, path }, this.host);
    const wanted = { limit, runs, path: this.args.file };
    if (!follow) {
      this.out.result(await recentActivity(folder, wanted), presentActivity);
      return;
    }
    for await (const record of followActivity(folder, wanted, this.host.clock, this.signal)) {
      this.out.event({ ...record });
      this.out.line(activityLine(record, this.out));
    }
  }
}
