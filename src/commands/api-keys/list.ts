import { BaseCommand } from '../../cli/base-command.ts';

export default class ApiKeysList extends BaseCommand<typeof ApiKeysList> {
  static override summary = 'List the API keys that you may end; never the keys themselves.';
  static override description =
    'Those of the tenant in use that you may see; the keys themselves are shown only when they are made.';
  static override hiddenAliases = ['api-keys:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../../session/open.ts');
    const { listApiKeys } = await import('../../access/api-keys.ts');
    const { API_KEYS } = await import('../../access/present-access.ts');
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    this.out.list(await listApiKeys(account), API_KEYS);
  }
}
