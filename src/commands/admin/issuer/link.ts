import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminIssuerLink extends BaseCommand<typeof AdminIssuerLink> {
  static override summary = 'Say which user somebody of an identity provider is.';
  static override description =
    'Whoever signs in at the issuer as that subject is the named user here from then on.';
  static override args = {
    name: Args.string({ required: true, description: 'Name or id of the provider.' }),
    subject: Args.string({
      required: true,
      description: 'What the provider calls the person in `sub`; a refused sign-in names it.',
    }),
  };
  static override flags = {
    user: Flags.string({ required: true, description: 'User name or id.', helpValue: 'NAME' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> work 248289761001 --user ada',
    '<%= config.bin %> <%= command.id %> work 00uid4BxXw6I6TV4m0g3 --user grace --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { presentLinked } = await import('../../../admin/present-issuers.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { name: issuer, subject } = this.args;
    const identity = await client.linkIdentity(issuer, { subject, user: this.flags.user });
    this.out.result({ issuer, ...identity }, presentLinked);
  }
}
