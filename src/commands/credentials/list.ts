import { BaseCommand } from '../../cli/base-command.ts';

export default class CredentialsList extends BaseCommand<typeof CredentialsList> {
  static override summary = 'List the keys of the bucket: which machine has one, and until when.';
  static override description =
    'The keys with which machines reach the bucket, with what they may and when they were last used. Never the secrets.';
  static override hiddenAliases = ['credentials:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../../session/open.ts');
    const { listCredentials } = await import('../../access/credentials.ts');
    const { CREDENTIALS } = await import('../../access/present-access.ts');
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    this.out.list(await listCredentials(account), CREDENTIALS);
  }
}
