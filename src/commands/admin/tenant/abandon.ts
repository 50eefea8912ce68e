import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantAbandon extends BaseCommand<typeof AdminTenantAbandon> {
  static override summary = 'Give up deleting what the storage of a tenant goes on refusing.';
  static override description =
    'Ends a purge that is stuck, or the retries of keys whose deletion has failed for good. What is left at the storage is printed, and its names stay in the audit trail. Needs the scope instance. On a terminal you type the slug; elsewhere it takes --yes.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: true }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ description: 'List what would be left, and change nothing.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme --dry-run',
    '<%= config.bin %> <%= command.id %> acme --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { planAbandoning } = await import('../../../admin/tenants.ts');
    const { printLeft, presentAbandoned } = await import('../../../admin/present-tenants.ts');
    const { confirmByName } = await import('../../../cli/confirm-by-name.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { out, signal } = this;
    const { id, slug, left } = await planAbandoning(client, this.args.tenant);
    if (this.flags['dry-run']) {
      printLeft(left, out);
      return;
    }
    const question = `Give up deleting what the storage still has of ${slug}? It stays there, and nothing here knows of it any more.`;
    await confirmByName(slug, question, { out, signal, yes: this.flags.yes });
    const ended = await client.abandonDeletion(id, slug);
    printLeft(ended.left, out);
    out.note(presentAbandoned(ended));
  }
}
