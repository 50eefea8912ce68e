import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class ConfigSet extends BaseCommand<typeof ConfigSet> {
  static override usesSettings = false;
  static override summary = 'Set a value in your configuration, for every run from now on.';
  static override description =
    'Writes your own configuration. A flag, a variable and the project file still go before it.';
  static override args = {
    key: Args.string({ description: 'Which setting.', required: true }),
    value: Args.string({ description: 'Its value.', required: false }),
  };
  static override flags = {
    unset: Flags.boolean({ description: 'Take it out of the configuration.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> profile fast',
    '<%= config.bin %> <%= command.id %> profile --unset',
  ];

  override async run(): Promise<void> {
    const { changeSetting, listSettings } = await import('../../session/setting-layers.ts');
    const { AbortError } = await import('../../output/errors.ts');
    const { ExitCode } = await import('../../output/exit-codes.ts');
    const { key, value } = this.args;
    if ((value === undefined) !== this.flags.unset) {
      throw new AbortError('usage', 'Give a value, or --unset.', { exitCode: ExitCode.usage });
    }
    await changeSetting(this.host, key, value);
    const settings = await listSettings(this.host, this.flags, this.argv);
    const now = settings.find((each) => each.key === key);
    this.out.result(
      now,
      (setting) => `${key} is ${String(setting?.value ?? 'not set')} (${setting?.origin ?? ''}).`,
    );
  }
}
