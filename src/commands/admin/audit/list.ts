import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';
import { auditFilterFlags, auditFilterOf } from '../../../cli/audit-filter.ts';

export default class AdminAuditList extends BaseCommand<typeof AdminAuditList> {
  static override summary = 'Show who did what on the server, the newest first.';
  static override description =
    'The newest come last. Filters add up; --json has all fields of each entry.';
  static override hiddenAliases = ['admin:audit:ls'];
  static override flags = {
    ...auditFilterFlags,
    limit: Flags.integer({ description: 'At most so many.', default: 50, min: 1, max: 100_000 }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --since 1d --tenant acme',
    '<%= config.bin %> <%= command.id %> --actor ada --type TokenCreated --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { listAuditEvents } = await import('../../../admin/audit.ts');
    const { AUDIT_EVENTS } = await import('../../../admin/present-audit.ts');
    const filter = auditFilterOf(this.flags, this.host.clock);
    const client = await openAdminClient(this.host, this.flags, this.signal);
    this.out.list(await listAuditEvents(client, filter, this.flags.limit), AUDIT_EVENTS);
  }
}
