import { BaseCommand } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/duration-flag.ts';
import { folderFlags } from '../../cli/folder-flags.ts';

export default class TrashEmpty extends BaseCommand<typeof TrashEmpty> {
  static override summary = 'Remove what is in the trash, for good.';
  static override description =
    'Asks first. Works offline. What a sync that was cut off has still to put back stays. The trash is bounded anyway: CLOUD_TRASH_DAYS, CLOUD_TRASH_MB.';
  static override flags = {
    ...folderFlags,
    'older-than': durationFlag({ description: 'Only what is older: 7d, 12h.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --older-than 7d',
    '<%= config.bin %> <%= command.id %> --yes',
  ];

  override async run(): Promise<void> {
    const { emptyTrash } = await import('../../bisync/undo/trash.ts');
    const { presentEmptied } = await import('../../bisync/undo/present-history.ts');
    const { context, server, path, 'older-than': olderThanMs = 0 } = this.flags;
    const which = olderThanMs === 0 ? 'everything' : 'what is older';
    await this.agreed(`This removes ${which} from the trash, for good.`);
    const request = { session: { context, server }, path, signal: this.signal, olderThanMs };
    const result = await emptyTrash(request, this.host);
    this.out.result(result, presentEmptied);
    process.exitCode = result.exitCode;
  }
}
