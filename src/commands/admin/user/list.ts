import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminUserList extends BaseCommand<typeof AdminUserList> {
  static override summary = 'List the users of the server and where they are members.';
  static override description = 'With role and state of each; --tenant shows those of one tenant.';
  static override hiddenAliases = ['admin:user:ls'];
  static override flags = {
    role: Flags.option({
      options: ['owner', 'admin', 'member'] as const,
      description: 'Only those with this role on the server.',
    })(),
    status: Flags.option({
      options: ['active', 'deactivated'] as const,
      description: 'Only those that can, or cannot, sign in.',
    })(),
    tenant: Flags.string({ description: 'Only members of this tenant.', helpValue: 'SLUG' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --tenant acme --output tsv',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { USERS } = await import('../../../admin/present-users.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { role, status, tenant } = this.flags;
    this.out.list(await client.listUsers({ role, status, tenant }), USERS);
  }
}
