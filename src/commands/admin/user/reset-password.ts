import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';
import { passwordFlags } from '../../../cli/password-flags.ts';

export default class AdminUserResetPassword extends BaseCommand<typeof AdminUserResetPassword> {
  static override summary = 'Set a new password and end the sessions of the old one.';
  static override description =
    'The password is made and shown once, unless you give one. It alone goes to stdout.';
  static override args = {
    user: Args.string({ description: 'User name or id.', required: true }),
  };
  static override flags = passwordFlags;
  static override examples = [
    '<%= config.bin %> <%= command.id %> ada',
    '<%= config.bin %> <%= command.id %> ada --password-stdin < password.txt',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { resetPassword } = await import('../../../admin/users.ts');
    const { printNewPassword } = await import('../../../admin/present-users.ts');
    const { readNewPassword } = await import('../../../cli/password-input.ts');
    const { user } = this.args;
    const password = await readNewPassword(this.flags, this.out, this.signal);
    const client = await openAdminClient(this.host, this.flags, this.signal);
    printNewPassword(user, await resetPassword(client, user, password), this.out);
  }
}
