import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';
import { auditFilterFlags, auditFilterOf } from '../../../cli/audit-filter.ts';

export default class AdminAuditExport extends BaseCommand<typeof AdminAuditExport> {
  static override summary = 'Write the audit trail as NDJSON, the oldest first.';
  static override description =
    'To standard output, or to a file that only you can read. A whole trail can be checked without the server: cloud admin audit verify --file FILE.';
  static override args = {
    file: Args.string({ description: 'File to write; an older one is replaced.', required: false }),
  };
  static override flags = auditFilterFlags;
  static override examples = [
    '<%= config.bin %> <%= command.id %> audit.ndjson',
    '<%= config.bin %> <%= command.id %> --since 7d | jq .type',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { exportAuditEvents } = await import('../../../admin/audit.ts');
    const { presentExport } = await import('../../../admin/present-audit.ts');
    const filter = auditFilterOf(this.flags, this.host.clock);
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { file } = this.args;
    if (file === undefined) {
      const write = (line: string): void => this.out.ndjson(line);
      this.out.note(presentExport(await exportAuditEvents(client, filter, { write })));
    } else this.out.result(await exportAuditEvents(client, filter, { file }), presentExport);
  }
}
