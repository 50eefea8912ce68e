import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';

export default class ConfigGet extends BaseCommand<typeof ConfigGet> {
  static override usesSettings = false;
  static override summary = 'Print the value of one setting.';
  static override description =
    'Prints the value in force, wherever it comes from; `cloud config list` says from where.';
  static override hiddenAliases = ['config:show'];
  static override args = { key: Args.string({ description: 'Which one.', required: true }) };
  static override examples = [
    '<%= config.bin %> <%= command.id %> profile',
    '<%= config.bin %> <%= command.id %> server --json',
  ];

  override async run(): Promise<void> {
    const { listSettings, settingNamed } = await import('../../session/setting-layers.ts');
    const { key } = settingNamed(this.args.key);
    const settings = await listSettings(this.host, this.flags, this.argv);
    const found = settings.find((each) => each.key === key);
    this.out.detail(`From: ${found?.origin ?? ''}`);
    this.out.result(found, (setting) => String(setting?.value ?? ''));
  }
}
