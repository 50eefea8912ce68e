import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantSet extends BaseCommand<typeof AdminTenantSet> {
  static override summary = "Change a tenant's name, sync address or limits.";
  static override description =
    'What you do not name stays. Where the bucket lies is decided when it is made.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
  };
  static override flags = {
    name: Flags.string({ description: 'Name for people.' }),
    'sync-url': Flags.string({
      description: 'https address that is told of every upload; empty for none.',
    }),
    'max-keys': Flags.string({ description: 'Bucket keys of all (100).', helpValue: 'N' }),
    'max-keys-per-user': Flags.string({
      description: 'Bucket keys of each user (10).',
      helpValue: 'N',
    }),
    'max-tokens': Flags.string({
      description: 'Tokens of each user, and of nobody (50). A limit of "default" is that.',
      helpValue: 'N',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme --name "Acme Inc."',
    '<%= config.bin %> <%= command.id %> acme --sync-url ""',
    '<%= config.bin %> <%= command.id %> acme --max-keys 200 --max-tokens default',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { changeTenant } = await import('../../../admin/tenants.ts');
    const { presentChange, TENANT_DETAIL } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const tenant = await changeTenant(client, this.args.tenant, {
      name: this.flags.name,
      syncUrl: this.flags['sync-url'],
      maxKeys: this.flags['max-keys'],
      maxKeysPerUser: this.flags['max-keys-per-user'],
      maxTokens: this.flags['max-tokens'],
    });
    this.out.show(tenant, TENANT_DETAIL, presentChange(`${tenant.slug} was changed.`));
  }
}
