import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminAuditVerify extends BaseCommand<typeof AdminAuditVerify> {
  static override summary = 'See whether anybody has changed the audit trail.';
  static override description =
    'Every event covers the one before. An altered, missing or reordered one is named, and the command ends with 8.';
  static override flags = {
    file: Flags.string({
      description: 'Check an export of the whole trail instead, without the server.',
      helpValue: 'FILE',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --file audit.ndjson',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { verifyExport } = await import('../../../admin/audit.ts');
    const { presentAuditCheck } = await import('../../../admin/present-audit.ts');
    const { ExitCode } = await import('../../../output/exit-codes.ts');
    const { file } = this.flags;
    const client = () => openAdminClient(this.host, this.flags, this.signal);
    const check =
      file === undefined ? await (await client()).verifyAuditTrail() : await verifyExport(file);
    this.out.result(check, presentAuditCheck);
    if (!check.intact) process.exitCode = ExitCode.differences;
  }
}
