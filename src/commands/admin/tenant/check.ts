import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminTenantCheck extends BaseCommand<typeof AdminTenantCheck> {
  static override summary =
    'See whether bucket and keys of a tenant are at the storage as they should be.';
  static override description =
    'Without a tenant all of them. Changes nothing; `cloud admin drift --fix` does. Ends with 8 while something differs.';
  static override args = {
    tenant: Args.string({ description: 'Slug or id.', required: false }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { assertNoDrift, compareStorage } = await import('../../../admin/drift.ts');
    const { printDrift } = await import('../../../admin/present-drift.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { tenant } = this.args;
    const all = await compareStorage(client, { tenant, fix: false });
    const findings = all.filter((finding) => finding.tenant !== null);
    printDrift(findings, this.out);
    assertNoDrift(findings, tenant);
  }
}
