import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminUserDeactivate extends BaseCommand<typeof AdminUserDeactivate> {
  static override summary = 'Shut a user out at once: sessions, API keys and bucket keys end.';
  static override description =
    'What the user has done stays known. `activate` lets the user in again.';
  static override args = {
    user: Args.string({ description: 'User name or id.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> ada',
    '<%= config.bin %> <%= command.id %> ada --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { USERS } = await import('../../../admin/present-users.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    await this.agreed(
      `Deactivate ${this.args.user}? Mounts and watchers that use the user's keys stop working.`,
    );
    this.out.show(await client.deactivateUser(this.args.user), USERS, ({ username }) => {
      return `${username} is deactivated; sessions, API keys and bucket keys have ended.`;
    });
  }
}
