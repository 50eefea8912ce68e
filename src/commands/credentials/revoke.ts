import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class CredentialsRevoke extends BaseCommand<typeof CredentialsRevoke> {
  static override summary = 'Revoke a key of the bucket, such as that of a lost machine.';
  static override description =
    "A machine that is still signed in gets itself another one: end its session too (`cloud sessions revoke`). To replace this machine's key without a gap: `cloud credentials rotate`.";
  static override hiddenAliases = ['credentials:rm', 'credentials:remove'];
  static override args = {
    id: Args.string({ description: 'Id, its beginning, or the access key.', required: false }),
  };
  static override flags = {
    all: Flags.boolean({ description: 'All that you made, on every machine.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0b4f8a17',
    '<%= config.bin %> <%= command.id %> --all --yes',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../../session/open.ts');
    const { revokeCredentials } = await import('../../access/credentials.ts');
    const { presentRevokedCredentials } = await import('../../access/present-access.ts');
    const { oneOrMany } = await import('../../cli/one-or-many.ts');
    const which = oneOrMany(this.args.id, this.flags, 'cloud credentials list');
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    const what = typeof which === 'string' ? 'all keys that you made' : `the key ${which.id}`;
    await this.agreed(`Revoke ${what}? What was exported with it stops working.`);
    const revoked = await revokeCredentials(account, typeof which === 'string' ? 'mine' : which);
    this.out.result(revoked, presentRevokedCredentials);
  }
}
