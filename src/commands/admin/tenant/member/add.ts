import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../../cli/base-command.ts';
import { tenantRole } from '../../../../cli/tenant-role-flag.ts';

export default class AdminTenantMemberAdd extends BaseCommand<typeof AdminTenantMemberAdd> {
  static override summary = 'Let a user work in a tenant.';
  static override description =
    'Effective with the next request. What each role may: docs/server.md.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id of the tenant.', required: true }),
    user: Args.string({ description: 'User name or id.', required: true }),
  };
  static override flags = { role: tenantRole };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme ada --role editor',
    '<%= config.bin %> <%= command.id %> acme bob --role viewer --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../../admin/admin-client.ts');
    const { MEMBERS } = await import('../../../../admin/present-users.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { tenant, user } = this.args;
    const member = await client.addMember(tenant, { user, role: this.flags.role });
    this.out.show(member, MEMBERS, () => {
      return `${member.user.username} is ${member.role} in ${tenant} from now on.`;
    });
  }
}
