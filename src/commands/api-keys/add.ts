import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/duration-flag.ts';

export default class ApiKeysAdd extends BaseCommand<typeof ApiKeysAdd> {
  static override summary = 'Make an API key for a program or a machine; it is shown once.';
  static override description =
    'The key alone goes to stdout, so that it can be piped or kept in a file. It may never do more than you.';
  static override hiddenAliases = ['api-keys:create', 'api-keys:mint'];
  static override flags = {
    label: Flags.string({
      required: true,
      description: 'What it is for, as the list shows it.',
      helpValue: 'TEXT',
    }),
    scope: Flags.string({
      multiple: true,
      description:
        'What it may do, of what you may: mount:read, mount, tenant … Give it again for more.',
      helpValue: 'SCOPE',
    }),
    tenant: Flags.string({
      description: 'Tenant that it is bound to; by default yours.',
      helpValue: 'SLUG',
      env: 'CLOUD_TENANT',
    }),
    'expires-in': durationFlag({ description: 'When it ends: 12h, 30d (90d); a year at most.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --label "build machine" --scope mount:read > key.txt',
    '<%= config.bin %> <%= command.id %> --label backup --expires-in 30d --json',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../../session/open.ts');
    const { addApiKey } = await import('../../access/api-keys.ts');
    const { printNewApiKey } = await import('../../access/present-access.ts');
    const { label, scope, tenant, 'expires-in': life } = this.flags;
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    const lifeSeconds = life === undefined ? undefined : Math.round(life / 1000);
    const key = await addApiKey(account, { label, scopes: scope, tenant, lifeSeconds });
    printNewApiKey(key, this.out);
  }
}
