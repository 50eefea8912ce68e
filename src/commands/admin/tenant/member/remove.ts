import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../../cli/base-command.ts';

export default class AdminTenantMemberRemove extends BaseCommand<typeof AdminTenantMemberRemove> {
  static override summary = 'Take a user out of a tenant, with the bucket keys that the user made.';
  static override description =
    'Sessions, API keys and bucket keys of the user in this tenant end at once; the user stays.';
  static override hiddenAliases = ['admin:tenant:member:rm'];
  static override args = {
    tenant: Args.string({ description: 'Slug or id of the tenant.', required: true }),
    user: Args.string({ description: 'User name or id.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme ada',
    '<%= config.bin %> <%= command.id %> acme ada --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../../admin/admin-client.ts');
    const { removeMember } = await import('../../../../admin/users.ts');
    const { MEMBERS } = await import('../../../../admin/present-users.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { tenant, user } = this.args;
    await this.agreed(
      `Remove ${user} from ${tenant}? Mounts and watchers that use the user's keys stop working.`,
    );
    this.out.show(await removeMember(client, tenant, user), MEMBERS, (member) => {
      return `${member.user.username} is no member of ${tenant} any more.`;
    });
  }
}
