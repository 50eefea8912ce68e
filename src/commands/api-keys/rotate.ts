import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/duration-flag.ts';

export default class ApiKeysRotate extends BaseCommand<typeof ApiKeysRotate> {
  static override summary = 'Replace an API key by a new one; the old one works on for a while.';
  static override description =
    'Without an id the key that this machine signs in with: the new one is stored, and not shown.';
  static override args = {
    id: Args.string({ description: 'Id, its beginning, or the label.', required: false }),
  };
  static override flags = {
    overlap: durationFlag({
      description: 'How long the old one stays valid: 0, 30m, 1d (1h); a week at most.',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> "build machine" --overlap 1d > key.txt',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../../session/open.ts');
    const { rotateApiKey } = await import('../../access/api-keys.ts');
    const { printRotatedApiKey } = await import('../../access/present-access.ts');
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    const { overlap } = this.flags;
    const seconds = overlap === undefined ? undefined : Math.round(overlap / 1000);
    printRotatedApiKey(await rotateApiKey(account, this.args.id, seconds), this.out);
  }
}
