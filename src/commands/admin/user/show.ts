import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminUserShow extends BaseCommand<typeof AdminUserShow> {
  static override summary = 'Show a user.';
  static override description = 'Role, state, and the tenants it belongs to.';
  static override args = {
    user: Args.string({ description: 'User name or id.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> ada',
    '<%= config.bin %> <%= command.id %> ada --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { presentUser, USERS } = await import('../../../admin/present-users.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    this.out.show(await client.showUser(this.args.user), USERS, presentUser);
  }
}
