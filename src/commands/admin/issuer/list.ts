import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminIssuerList extends BaseCommand<typeof AdminIssuerList> {
  static override summary = 'List the identity providers that the server trusts.';
  static override description =
    'The OpenID providers whose sign-ins the server accepts, in the order in which they were added.';
  static override hiddenAliases = ['admin:issuer:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --output tsv',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { ISSUERS } = await import('../../../admin/present-issuers.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { issuers } = await client.listIssuers();
    this.out.list(issuers, ISSUERS);
  }
}
