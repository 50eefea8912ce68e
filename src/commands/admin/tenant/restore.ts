import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantRestore extends BaseCommand<typeof AdminTenantRestore> {
  static override summary = 'Take a removed tenant into use again.';
  static override description = 'The policy is what it was: a tenant that was denied still is.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme',
    '<%= config.bin %> <%= command.id %> acme --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { presentChange, TENANT_DETAIL } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const tenant = await client.restoreTenant(this.args.tenant);
    const what = `${tenant.slug} is in use again, and ${tenant.policy}.`;
    this.out.show(tenant, TENANT_DETAIL, presentChange(what));
  }
}
