import { BaseCommand } from '../cli/base-command.ts';
import { durationFlag } from '../cli/duration-flag.ts';
import { folderFlags } from '../cli/folder-flags.ts';

export default class Pause extends BaseCommand<typeof Pause> {
  static override summary = 'Let the watcher of a folder rest.';
  static override description =
    'Until `cloud resume`, or for a time. A watcher that is started later keeps to it too; `cloud bisync` without --watch still syncs when you ask for it.';
  static override flags = {
    ...folderFlags,
    for: durationFlag({ description: 'Go on by itself after this time.', leastMs: 1 }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --for 1h',
  ];

  override async run(): Promise<void> {
    const { pauseFolder } = await import('../bisync/watch/watched-folder.ts');
    const { presentPause } = await import('../bisync/watch/present-watch.ts');
    const { context, server, path, for: forMs } = this.flags;
    const request = { session: { context, server }, path };
    this.out.result(await pauseFolder(request, forMs ?? null, this.host), presentPause);
  }
}
