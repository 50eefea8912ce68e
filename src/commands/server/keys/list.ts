import { BaseCommand } from '../../../cli/base-command.ts';

export default class ServerKeysList extends BaseCommand<typeof ServerKeysList> {
  static override summary = "List the keys that sign the server's access tokens.";
  static override description =
    'The next, the active and the retired ones: retired ones still check what they have signed.';
  static override hiddenAliases = ['server:keys:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --output tsv',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { SIGNING_KEYS } = await import('../../../admin/present-signing-keys.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { signing_keys: keys } = await client.listSigningKeys();
    this.out.list(keys, SIGNING_KEYS);
  }
}
