import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';

export default class ApiKeysRevoke extends BaseCommand<typeof ApiKeysRevoke> {
  static override summary = 'End an API key at once.';
  static override description =
    'It is refused from the next request on. Bucket keys that were got with it end with it.';
  static override hiddenAliases = ['api-keys:rm', 'api-keys:remove'];
  static override args = {
    id: Args.string({ description: 'Id, its beginning, or the label.', required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> Gx81kQz0aB3c --yes',
    '<%= config.bin %> <%= command.id %> "build machine"',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../../session/open.ts');
    const { revokeApiKey } = await import('../../access/api-keys.ts');
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    await this.agreed(`End the API key ${this.args.id}? What signs in with it stops working.`);
    const { id, label, current } = await revokeApiKey(account, this.args.id);
    this.out.result(
      { id, label, current },
      () => `The API key ${id} (${label}) has ended.${current ? ' It was the one used here.' : ''}`,
    );
  }
}
