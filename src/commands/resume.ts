import { BaseCommand } from '../cli/base-command.ts';
import { folderFlags } from '../cli/folder-flags.ts';

export default class Resume extends BaseCommand<typeof Resume> {
  static override summary = 'Let the watcher of a folder go on after a pause.';
  static override description =
    'It compares both sides first, because it has not listened meanwhile. Without a watcher, the next one is not paused.';
  static override flags = { ...folderFlags };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --path ~/notes',
  ];

  override async run(): Promise<void> {
    const { resumeFolder } = await import('../bisync/watch/watched-folder.ts');
    const { presentPause } = await import('../bisync/watch/present-watch.ts');
    const { context, server, path } = this.flags;
    const request = { session: { context, server }, path };
    this.out.result(await resumeFolder(request, this.host), presentPause);
  }
}
