import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantRemove extends BaseCommand<typeof AdminTenantRemove> {
  static override summary = 'Take a tenant out of use; everything of it is kept.';
  static override description =
    'Its bucket keys are made inactive. `restore` is the way back, `purge` deletes for good.';
  static override hiddenAliases = ['admin:tenant:rm', 'admin:tenant:delete'];
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme',
    '<%= config.bin %> <%= command.id %> acme --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { presentChange, TENANT_DETAIL } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { slug } = await client.showTenant(this.args.tenant);
    await this.agreed(`Remove ${slug}? Nobody can use it any more; its bucket and keys are kept.`);
    const tenant = await client.removeTenant(slug);
    this.out.show(tenant, TENANT_DETAIL, presentChange(`${slug} is removed.`));
    this.out.note(`To have it back: cloud admin tenant restore ${slug}`);
  }
}
