import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantAllow extends BaseCommand<typeof AdminTenantAllow> {
  static override summary = 'Let a tenant in; its bucket keys work again.';
  static override description =
    'Mounts and watchers that were stopped by a denial go on by themselves.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
  };
  static override flags = {
    reason: Flags.string({ description: 'Why, for whoever asks later.', helpValue: 'TEXT' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme',
    '<%= config.bin %> <%= command.id %> acme --reason "paid again"',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { setTenantPolicy } = await import('../../../admin/tenants.ts');
    const { presentChange, TENANT_DETAIL } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { reason } = this.flags;
    const tenant = await setTenantPolicy(client, this.args.tenant, 'allowed', reason);
    this.out.show(tenant, TENANT_DETAIL, presentChange(`${tenant.slug} is allowed.`));
  }
}
