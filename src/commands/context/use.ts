import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';

export default class ContextUse extends BaseCommand<typeof ContextUse> {
  static override usesSettings = false;
  static override summary = 'Choose the account and tenant that commands use from now on.';
  static override description =
    'For all later commands without --context. A project file and CLOUD_CONTEXT go before it.';
  static override hiddenAliases = ['context:set'];
  static override args = { name: Args.string({ description: 'Which one.', required: true }) };
  static override examples = [
    '<%= config.bin %> <%= command.id %> acme',
    '<%= config.bin %> <%= command.id %> acme --json',
  ];

  override async run(): Promise<void> {
    const { useContext } = await import('../../session/contexts.ts');
    this.out.result(await useContext(this.host, this.args.name), (context) =>
      context === undefined ? '' : `From now on: ${context.name} (${context.server}).`,
    );
  }
}
