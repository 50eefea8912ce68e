import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminUserSet extends BaseCommand<typeof AdminUserSet> {
  static override summary = "Change a user's name, e-mail address or role.";
  static override description =
    'It counts from the next request on. What you do not name stays; an empty value takes it away.';
  static override args = {
    user: Args.string({ description: 'User name or id.', required: true }),
  };
  static override flags = {
    name: Flags.string({ description: 'Name for people.' }),
    email: Flags.string({ description: 'E-mail address.' }),
    role: Flags.option({
      options: ['owner', 'admin', 'member'] as const,
      description: 'Role on the server.',
    })(),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> ada --role admin',
    '<%= config.bin %> <%= command.id %> ada --email ""',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { changeUser } = await import('../../../admin/users.ts');
    const { presentUser, USERS } = await import('../../../admin/present-users.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { name, email, role } = this.flags;
    const user = await changeUser(client, this.args.user, { name, email, role });
    this.out.show(user, USERS, presentUser);
  }
}
