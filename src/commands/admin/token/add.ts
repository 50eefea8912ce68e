import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';
import { durationFlag } from '../../../cli/duration-flag.ts';

export default class AdminTokenAdd extends BaseCommand<typeof AdminTokenAdd> {
  static override summary = 'Make a token for a tenant or for the server; it is shown once.';
  static override description =
    'The token alone goes to stdout, so that it can be piped or kept in a file. It may never do more than you.';
  static override hiddenAliases = ['admin:token:create', 'admin:token:mint'];
  static override flags = {
    label: Flags.string({
      required: true,
      description: 'What it is for, as the list shows it.',
      helpValue: 'TEXT',
    }),
    tenant: Flags.string({
      description: 'Tenant that it is bound to: an API key of the tenant.',
      helpValue: 'SLUG',
      exclusive: ['instance'],
    }),
    instance: Flags.boolean({ description: 'Bound to no tenant: it administers the server.' }),
    scope: Flags.string({
      multiple: true,
      description: 'What it may do, of what you may. Give it again for more.',
      helpValue: 'SCOPE',
    }),
    'expires-in': durationFlag({ description: 'When it ends: 12h, 30d (90d); a year at most.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --label "build machine" --tenant acme --scope mount:read > key.txt',
    '<%= config.bin %> <%= command.id %> --label deploy --instance --scope tenants --expires-in 30d --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { addToken } = await import('../../../admin/tokens.ts');
    const { printNewToken } = await import('../../../admin/present-tokens.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { label, tenant, instance, scope: scopes, 'expires-in': lifeMs } = this.flags;
    printNewToken(await addToken(client, { label, tenant, instance, scopes, lifeMs }), this.out);
  }
}
