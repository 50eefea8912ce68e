import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class AdminImport extends BaseCommand<typeof AdminImport> {
  static override summary = 'Make the tenants, users and tokens of a list in a file.';
  static override description =
    'One JSON object a line: {"tenant":{"slug":"acme","name":"Acme"}} {"user":{"username":"ada","memberships":[{"tenant":"acme","role":"editor"}]}} or {"token":{"label":"build","tenant":"acme"}}. What is there already is not changed. With a bad line nothing is made. New tokens and passwords are shown once, on stdout.';
  static override args = {
    file: Args.string({ description: 'File to read.', required: true }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ description: 'Only say what would be made.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> tenants.ndjson --dry-run',
    '<%= config.bin %> <%= command.id %> tenants.ndjson --output tsv > made.tsv',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../admin/admin-client.ts');
    const { importFile } = await import('../../admin/import.ts');
    const { printImport } = await import('../../admin/present-import.ts');
    const { host, flags, signal } = this;
    const reads = await openAdminClient(host, flags, signal);
    const writes = await openAdminClient(host, flags, new AbortController().signal);
    const { rows, failure } = await importFile({ reads, writes }, this.args.file, {
      ...{ dryRun: flags['dry-run'], signal },
    });
    printImport(rows, this.out);
    if (failure !== undefined) throw failure;
  }
}
