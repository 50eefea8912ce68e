import { BaseCommand } from '../../cli/base-command.ts';

export default class SnapshotList extends BaseCommand<typeof SnapshotList> {
  static override summary = 'List the snapshots of the bucket.';
  static override description =
    'The oldest first: those that you took, and those that were taken before a sync that somebody approved or that united both sides anew.';
  static override flags = {};
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --output tsv',
  ];

  override async run(): Promise<void> {
    const { listSnapshots } = await import('../../bisync/undo/snapshots.ts');
    const { SNAPSHOTS } = await import('../../bisync/undo/present-history.ts');
    const { context, server } = this.flags;
    const request = { session: { context, server }, signal: this.signal };
    this.out.list(await listSnapshots(request, this.host), SNAPSHOTS);
  }
}
