import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantPurge extends BaseCommand<typeof AdminTenantPurge> {
  static override summary = 'Delete a tenant for good: bucket, keys, policies, rows.';
  static override description =
    'Needs the scope instance. On a terminal you type the slug; elsewhere it takes --yes. A purge that is cut off goes on by itself.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ description: 'List what would go, and change nothing.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme --dry-run',
    '<%= config.bin %> <%= command.id %> acme --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { purgeTenant } = await import('../../../admin/tenants.ts');
    const { PURGE_ITEMS } = await import('../../../admin/present-tenants.ts');
    const { confirmByName } = await import('../../../cli/confirm-by-name.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const plan = await client.planPurge(this.args.tenant);
    if (this.flags['dry-run']) {
      this.out.list(plan.items, PURGE_ITEMS);
      return;
    }
    const { out, signal, host } = this;
    const { slug, bucket_name: bucket } = plan.tenant;
    const question = `Delete ${slug} and everything in its bucket ${bucket}? There is no way back.`;
    await confirmByName(slug, question, { out, signal, yes: this.flags.yes });
    const state = await purgeTenant(client, plan.tenant, { clock: host.clock, signal }, () => {
      out.note('Still deleting. It goes on at the server if you leave.');
    });
    out.result(state, () => `${slug} is gone. Effective immediately.`);
  }
}
