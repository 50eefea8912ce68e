import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminIssuerRemove extends BaseCommand<typeof AdminIssuerRemove> {
  static override summary = 'Trust an identity provider no longer; its sessions end at once.';
  static override description =
    'The users stay, and who they are at the provider, should it be trusted again.';
  static override hiddenAliases = ['admin:issuer:rm'];
  static override args = {
    name: Args.string({ required: true, description: 'Its name, or its id.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> work',
    '<%= config.bin %> <%= command.id %> work --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { id, name, url } = await client.showIssuer(this.args.name);
    await this.agreed(`Trust ${url} no longer? Whoever signed in there is signed out at once.`);
    await client.removeIssuer(id);
    this.out.result({ id, name, url, removed: true }, () => `${url} is not trusted any more.`);
  }
}
