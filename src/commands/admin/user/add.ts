import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';
import { passwordFlags } from '../../../cli/password-flags.ts';

export default class AdminUserAdd extends BaseCommand<typeof AdminUserAdd> {
  static override summary = 'Add a user; the password is made and shown once, unless you give one.';
  static override description =
    'The password alone goes to stdout, so that it can be piped. A member can do nothing before it belongs to a tenant (`cloud admin tenant member add`).';
  static override hiddenAliases = ['admin:user:create'];
  static override args = {
    username: Args.string({ description: 'Letters, digits and . _ @ + -.', required: true }),
  };
  static override flags = {
    name: Flags.string({ description: 'Name for people.' }),
    email: Flags.string({ description: 'E-mail address.' }),
    role: Flags.option({
      options: ['owner', 'admin', 'member'] as const,
      description: 'Role on the server (member).',
    })(),
    ...passwordFlags,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> ada --name "Ada Lovelace"',
    '<%= config.bin %> <%= command.id %> boss --role admin --password-stdin < password.txt',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { addUser } = await import('../../../admin/users.ts');
    const { printNewUser } = await import('../../../admin/present-users.ts');
    const { readNewPassword } = await import('../../../cli/password-input.ts');
    const { name, email, role } = this.flags;
    const { username } = this.args;
    const password = await readNewPassword(this.flags, this.out, this.signal);
    const client = await openAdminClient(this.host, this.flags, this.signal);
    printNewUser(await addUser(client, { username, name, email, role, password }), this.out);
  }
}
