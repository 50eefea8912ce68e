import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantShow extends BaseCommand<typeof AdminTenantShow> {
  static override summary = 'Show a tenant: state, bucket, keys, limits.';
  static override description =
    'Its bucket, its limits, what counts against them, and why it is denied if it is.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme',
    '<%= config.bin %> <%= command.id %> acme --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { presentTenant, TENANT_DETAIL } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    this.out.show(await client.showTenant(this.args.tenant), TENANT_DETAIL, presentTenant);
  }
}
