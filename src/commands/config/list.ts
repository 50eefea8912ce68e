import { BaseCommand } from '../../cli/base-command.ts';

export default class ConfigList extends BaseCommand<typeof ConfigList> {
  static override usesSettings = false;
  static override summary = 'Show every setting, its value, and where that comes from.';
  static override description =
    'A flag goes before the environment, that before the project file (.cloud.json in this folder or the nearest above), that before your configuration, that before the default.';
  static override hiddenAliases = ['config:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { listSettings } = await import('../../session/setting-layers.ts');
    const { SETTING_VALUES } = await import('../../session/present-session.ts');
    this.out.list(await listSettings(this.host, this.flags, this.argv), SETTING_VALUES);
  }
}
