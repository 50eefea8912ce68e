import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminIssuerShow extends BaseCommand<typeof AdminIssuerShow> {
  static override summary = 'Show an identity provider, and who its people are here.';
  static override description = 'Its address, its clients, and how its people become users here.';
  static override args = {
    name: Args.string({ required: true, description: 'Its name, or its id.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> work',
    '<%= config.bin %> <%= command.id %> work --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { showIssuer } = await import('../../../admin/issuers.ts');
    const { presentIssuer } = await import('../../../admin/present-issuers.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    this.out.result(await showIssuer(client, this.args.name), presentIssuer);
  }
}
