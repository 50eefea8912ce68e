import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class MountStatus extends BaseCommand<typeof MountStatus> {
  static override summary = 'Show how the mounts are, and what waits to be uploaded.';
  static override description =
    'Works offline and never looks into a mounted folder, so it answers at once even when a mount hangs. With --watch it goes on until Ctrl-C, which ends it with 0: drawn in place on a terminal, a line for each change in a pipe, a JSON document a line with --json.';
  static override flags = {
    watch: Flags.boolean({ char: 'w', description: 'Show it again whenever something changes.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --watch',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { mountStatus, watchStatus } = await import('../mount/status.ts');
    const { presentStatus } = await import('../mount/present-mount.ts');
    const now = (): number => this.host.clock.now();
    if (!this.flags.watch) {
      this.out.result(await mountStatus(this.host), (all, out) => presentStatus(all, out, now()));
      return;
    }
    const { statusWatcher } = await import('../mount/present-watch.ts');
    const watcher = statusWatcher(this.out, now);
    await watchStatus(this.host, 1000, this.signal, watcher.show).finally(watcher.end);
  }
}
