import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminIssuerUnlink extends BaseCommand<typeof AdminIssuerUnlink> {
  static override summary = 'Take back who somebody is; their sessions of the provider end.';
  static override description = 'The user stays; only that sign-in does not lead to it any more.';
  static override args = {
    name: Args.string({ required: true, description: 'Name or id of the provider.' }),
    subject: Args.string({ required: true, description: 'As `cloud admin issuer show` lists it.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> work 248289761001',
    '<%= config.bin %> <%= command.id %> work 248289761001 --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { name: issuer, subject } = this.args;
    await this.agreed(`Let ${subject} of ${issuer} be nobody here? Their sessions end at once.`);
    await client.unlinkIdentity(issuer, subject);
    this.out.result({ issuer, subject }, () => `${subject} of ${issuer} is nobody here now.`);
  }
}
