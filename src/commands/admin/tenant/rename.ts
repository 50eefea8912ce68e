import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantRename extends BaseCommand<typeof AdminTenantRename> {
  static override summary = 'Give a tenant another slug; the old one still leads to it.';
  static override description =
    'The bucket keeps its name, and machines that are set up go on. Nobody else can take the old slug.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
    slug: Args.string({ description: 'The new slug.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme acme-inc',
    '<%= config.bin %> <%= command.id %> acme acme-inc --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { renameTenant } = await import('../../../admin/tenants.ts');
    const { presentChange, TENANT_DETAIL } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { tenant: ref, slug } = this.args;
    const tenant = await renameTenant(client, ref, slug);
    this.out.show(tenant, TENANT_DETAIL, presentChange(`${ref} is called ${tenant.slug} now.`));
  }
}
