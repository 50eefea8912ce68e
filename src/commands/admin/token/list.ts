import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTokenList extends BaseCommand<typeof AdminTokenList> {
  static override summary =
    'List the tokens in force, of the server and of tenants; never the tokens themselves.';
  static override description =
    'Of administrators and programs, with what each may; the tokens themselves are shown only when they are made.';
  static override hiddenAliases = ['admin:token:ls'];
  static override flags = {
    tenant: Flags.string({ description: 'Only those of this tenant.', helpValue: 'SLUG' }),
    all: Flags.boolean({ description: 'Those that have ended, too.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --tenant acme --all --output tsv',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { TOKENS } = await import('../../../admin/present-tokens.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { tenant, all } = this.flags;
    const { tokens } = await client.listAdminTokens({ tenant, ended: all });
    this.out.list(tokens, TOKENS);
  }
}
