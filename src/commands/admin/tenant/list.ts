import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantList extends BaseCommand<typeof AdminTenantList> {
  static override summary = 'List the tenants of the server.';
  static override description =
    'With the bucket of each and whether it is active, denied or removed.';
  static override hiddenAliases = ['admin:tenant:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --output tsv',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { TENANTS } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { tenants } = await client.listTenants();
    this.out.list(tenants, TENANTS);
  }
}
