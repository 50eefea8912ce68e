import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';
import { durationFlag } from '../../../cli/duration-flag.ts';

export default class AdminTokenRotate extends BaseCommand<typeof AdminTokenRotate> {
  static override summary = 'Replace a token by a new one; the old one works on for a while.';
  static override description =
    'The new one may what the old one may. The old one ends at once, or after --overlap.';
  static override args = {
    id: Args.string({ description: 'Id, as the list shows it.', required: true }),
  };
  static override flags = {
    overlap: durationFlag({ description: 'How long the old one stays valid: 0, 1d (1h).' }),
    'expires-in': durationFlag({ description: 'When the new one ends; by default the same life.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> Gx81kQz0aB3c > token.txt',
    '<%= config.bin %> <%= command.id %> Gx81kQz0aB3c --overlap 1d --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { rotateToken } = await import('../../../admin/tokens.ts');
    const { printNewToken } = await import('../../../admin/present-tokens.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { overlap: overlapMs, 'expires-in': lifeMs } = this.flags;
    printNewToken(await rotateToken(client, this.args.id, { overlapMs, lifeMs }), this.out);
  }
}
