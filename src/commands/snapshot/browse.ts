import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { parsePastTime } from '../../cli/past-time-flag.ts';

export default class SnapshotBrowse extends BaseCommand<typeof SnapshotBrowse> {
  static override summary = 'List what was in the bucket at a time.';
  static override description =
    'Needs no snapshot: any moment will do. One of the files comes back with `cloud restore FILE --at TIME`, or elsewhere with --to.';
  static override args = {
    at: Args.string({
      description: 'A snapshot, by its version or name, or a time: 2h, "2026-11-25 18:00".',
      required: true,
    }),
    below: Args.string({ description: 'Only what begins like this: notes/' }),
  };
  static override flags = {
    limit: Flags.integer({
      description: 'Show so many at most.',
      helpValue: 'NUMBER',
      min: 1,
      default: 1000,
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> 2h notes/',
    '<%= config.bin %> <%= command.id %> "before the move" --json',
  ];

  override async run(): Promise<void> {
    const { browseSnapshot } = await import('../../bisync/undo/snapshots.ts');
    const { CONTENTS, presentContents } = await import('../../bisync/undo/present-history.ts');
    const { context, server, limit } = this.flags;
    const { at, below } = this.args;
    const folder = { session: { context, server }, signal: this.signal };
    const request = { ...folder, at: parsePastTime(at) ?? at, below, limit };
    const contents = await browseSnapshot(request, this.host);
    if (this.flags.output === 'tsv') this.out.list(contents.files, CONTENTS);
    else this.out.result(contents, presentContents);
  }
}
