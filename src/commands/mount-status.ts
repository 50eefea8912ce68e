import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class MountStatus extends BaseCommand<typeof MountStatus> {
  static override summary = 'Show how mounts and watchers are, and what waits to be uploaded.';
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
    if (this.flags.watch) {
      const { followMounts } = await import('../status/follow-mounts.ts');
      await followMounts(this.host, this.out, this.signal);
      return;
    }
    const { mountReports, presentMountReports } = await import('../status/watched-folders.ts');
    this.out.result(
      await mountReports(this.host),
      (all, out) => presentMountReports(all, out, this.host.clock.now()),
      ({ mounts }) => mounts,
    );
  }
}
