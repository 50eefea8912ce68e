import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../../cli/base-command.ts';

export default class AdminTenantMemberList extends BaseCommand<typeof AdminTenantMemberList> {
  static override summary = 'List who works in a tenant.';
  static override description =
    'Owners and admins of the server may do everything without being members, and are not listed.';
  static override hiddenAliases = ['admin:tenant:member:ls'];
  static override args = {
    tenant: Args.string({ description: 'Slug or id of the tenant.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme',
    '<%= config.bin %> <%= command.id %> acme --output tsv',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../../admin/admin-client.ts');
    const { MEMBERS } = await import('../../../../admin/present-users.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    this.out.list(await client.listMembers(this.args.tenant), MEMBERS);
  }
}
