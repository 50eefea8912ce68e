import { BaseCommand } from '../cli/base-command.ts';
import { durationFlag } from '../cli/duration-flag.ts';
import { folderFlags } from '../cli/folder-flags.ts';

export default class Flush extends BaseCommand<typeof Flush> {
  static override summary =
    'Wait until all that was saved is in the bucket, and all there is here.';
  static override description =
    'For scripts: what was saved before the call counts. A running watcher does it; without one, this syncs once. Ends with 3 when something could not be synced or a conflict is open, with 1 when the time is over.';
  static override flags = {
    ...folderFlags,
    timeout: durationFlag({
      description: 'Give up after this time; what waits is synced nevertheless.',
      leastMs: 1,
      env: 'CLOUD_TIMEOUT',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --timeout 2m && echo "safe in the bucket"',
  ];

  override async run(): Promise<void> {
    const { flushFolder, presentFlushed } = await import('../bisync/watch/flush.ts');
    const { showBisync } = await import('../bisync/show-bisync.ts');
    const { context, server, path, timeout } = this.flags;
    const show = showBisync(this.out);
    const result = await flushFolder(
      { session: { context, server }, path, timeoutMs: timeout, signal: this.signal },
      this.host,
      show.event,
    ).finally(show.end);
    this.out.final(result, presentFlushed);
    process.exitCode = result.exitCode;
  }
}
