import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantAdd extends BaseCommand<typeof AdminTenantAdd> {
  static override summary = 'Add a tenant with a bucket of its own.';
  static override description =
    'Makes bucket, notifications, policy (allowed) and, if asked for, an API key; or leaves nothing.';
  static override hiddenAliases = ['admin:tenant:create'];
  static override examples = [
    '<%= config.bin %> <%= command.id %> --slug acme --name "Acme Inc."',
    '<%= config.bin %> <%= command.id %> --slug acme --name Acme --print-token | cloud login --token-stdin',
  ];
  static override flags = {
    slug: Flags.string({
      required: true,
      description: '3 to 40 lower-case letters, digits and hyphens.',
    }),
    name: Flags.string({ required: true, description: 'Name for people.' }),
    'sync-url': Flags.string({
      description: 'https address of a service that is told of every upload.',
    }),
    region: Flags.string({
      description: "Where the bucket lies (fra, usa); by default the server's. It stays there.",
    }),
    'print-token': Flags.boolean({
      description: 'Make an API key of the tenant and print it, once, on stdout.',
    }),
  };

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { addTenant } = await import('../../../admin/tenants.ts');
    const { printNewTenant } = await import('../../../admin/present-tenants.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { slug, name, region, 'sync-url': syncUrl, 'print-token': issueApiKey } = this.flags;
    printNewTenant(await addTenant(client, { slug, name, region, syncUrl, issueApiKey }), this.out);
  }
}
