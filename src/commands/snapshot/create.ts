import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class SnapshotCreate extends BaseCommand<typeof SnapshotCreate> {
  static override summary = 'Give the present state of the bucket a name.';
  static override description =
    'Takes no room and no time, however large the bucket is. What was in the bucket at any moment can be had back anyway; a snapshot makes one easy to find.';
  static override flags = {
    name: Flags.string({ description: 'What to call it.', helpValue: 'NAME' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --name "before the move"',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { takeSnapshot } = await import('../../bisync/undo/snapshots.ts');
    const { presentSnapshot } = await import('../../bisync/undo/present-history.ts');
    const { context, server, name } = this.flags;
    const request = { session: { context, server }, signal: this.signal, name };
    this.out.result(await takeSnapshot(request, this.host), presentSnapshot);
  }
}
