import { BaseCommand } from '../cli/base-command.ts';

export default class MountStatus extends BaseCommand<typeof MountStatus> {
  static override summary = 'Show how the mounts are, and what waits to be uploaded.';
  static override description =
    'Works offline and never looks into a mounted folder, so it answers at once even when a mount hangs.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { mountStatus } = await import('../mount/status.ts');
    const { presentStatus } = await import('../mount/present-mount.ts');
    const mounts = await mountStatus(this.host);
    this.out.result(mounts, (all, out) => presentStatus(all, out, this.host.clock.now()));
  }
}
