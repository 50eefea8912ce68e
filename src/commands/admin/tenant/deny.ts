import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantDeny extends BaseCommand<typeof AdminTenantDeny> {
  static override summary =
    'Lock a tenant out, with everything that runs for it; nothing is deleted.';
  static override description =
    'Every request of the tenant is refused, and its bucket keys are made inactive at the storage. `cloud admin tenant allow` takes it back.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
  };
  static override flags = {
    reason: Flags.string({
      description: 'Why; people of the tenant are told.',
      helpValue: 'TEXT',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme --reason "invoice 42 is open"',
    '<%= config.bin %> <%= command.id %> acme --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { setTenantPolicy } = await import('../../../admin/tenants.ts');
    const { presentChange, TENANT_DETAIL } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { reason } = this.flags;
    const { slug } = await client.showTenant(this.args.tenant);
    await this.agreed(`Deny ${slug}? Its mounts and watchers stop; what they hold is kept there.`);
    const tenant = await setTenantPolicy(client, slug, 'denied', reason);
    this.out.show(tenant, TENANT_DETAIL, presentChange(`${tenant.slug} is denied.`));
  }
}
