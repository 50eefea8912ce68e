import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class AdminDrift extends BaseCommand<typeof AdminDrift> {
  static override summary = "Compare the server's database with its storage, both ways.";
  static override description =
    'Changes nothing without --fix, and touches only what has a name of ours. Ends with 8 while something differs.';
  static override flags = {
    fix: Flags.boolean({ description: 'Put right what can be, and say what cannot.' }),
    'dry-run': Flags.boolean({
      description: 'Only say what --fix would do (the default).',
      exclusive: ['fix'],
    }),
    foreign: Flags.boolean({
      description: 'With --fix: also delete keys and policies that this server never issued.',
      dependsOn: ['fix'],
    }),
    tenant: Flags.string({ description: 'Only what is of this tenant.', helpValue: 'SLUG' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --fix --yes',
  ];

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../admin/admin-client.ts');
    const { assertNoDrift, compareStorage } = await import('../../admin/drift.ts');
    const { printDrift } = await import('../../admin/present-drift.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { fix, foreign, tenant } = this.flags;
    if (fix) {
      await this.agreed(
        'Delete leaked keys, policies and empty buckets, and set keys as they should be?',
      );
    }
    const findings = await compareStorage(client, { fix, foreign, tenant });
    printDrift(findings, this.out);
    assertNoDrift(findings, tenant);
  }
}
