import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class ServerKeysRotate extends BaseCommand<typeof ServerKeysRotate> {
  static override summary = "Let the next key sign the server's access tokens.";
  static override description =
    'Nobody is signed out: the old key is accepted until the last token that it signed has ended.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --compromised',
  ];
  static override flags = {
    compromised: Flags.boolean({
      description: 'The old key is known to others: refuse at once what it signed.',
    }),
  };

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { presentRotation } = await import('../../../admin/present-signing-keys.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { compromised } = this.flags;
    const { signing_keys: keys } = await client.rotateSigningKeys({ compromised });
    this.out.result({ signing_keys: keys, compromised }, presentRotation);
  }
}
