import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminUserActivate extends BaseCommand<typeof AdminUserActivate> {
  static override summary = 'Let a deactivated user sign in again.';
  static override description =
    'The user may sign in again; what ended with the deactivation does not come back.';
  static override args = {
    user: Args.string({ description: 'User name or id.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> ada',
    '<%= config.bin %> <%= command.id %> ada --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { USERS } = await import('../../../admin/present-users.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    this.out.show(await client.activateUser(this.args.user), USERS, ({ username }) => {
      return `${username} can sign in again; what was ended stays so.`;
    });
  }
}
