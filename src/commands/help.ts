import * as Args from '@oclif/core/args';
import { loadHelpClass } from '@oclif/core/help';
import { BaseCommand } from '../cli/base-command.ts';

export default class Help extends BaseCommand<typeof Help> {
  static override summary = 'Show help on a command.';
  static override strict = false;
  static override args = {
    command: Args.string({ description: 'The command, as you would type it.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> mount',
  ];

  override async run(): Promise<void> {
    const words = this.argv.filter((word) => !word.startsWith('-'));
    const HelpClass = await loadHelpClass(this.config);
    await new HelpClass(this.config, this.config.pjson.oclif.helpOptions).showHelp(
      [words.join(':')].filter(Boolean),
    );
  }
}
