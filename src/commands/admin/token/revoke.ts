import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTokenRevoke extends BaseCommand<typeof AdminTokenRevoke> {
  static override summary = 'End a token at once.';
  static override description =
    'The last one that owns the server cannot be ended. Bucket keys that it made stay: `cloud admin tenant deny` stops those.';
  static override hiddenAliases = ['admin:token:rm', 'admin:token:remove'];
  static override args = {
    id: Args.string({ description: 'Id, as the list shows it.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> Gx81kQz0aB3c',
    '<%= config.bin %> <%= command.id %> Gx81kQz0aB3c --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { revokeToken } = await import('../../../admin/tokens.ts');
    const { TOKENS } = await import('../../../admin/present-tokens.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    await this.agreed(`End the token ${this.args.id}? What uses it stops working.`);
    const token = await revokeToken(client, this.args.id);
    this.out.show(
      token,
      TOKENS,
      ({ id, label }) => `The token ${id} (${label}) has ended. Effective immediately.`,
    );
  }
}
