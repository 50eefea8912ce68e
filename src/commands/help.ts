import * as Args from '@oclif/core/args';
import { loadHelpClass } from '@oclif/core/help';
import { BaseCommand } from '../cli/base-command.ts';
import { HELP_TOPICS, showTopic } from '../output/help-topics.ts';

export default class Help extends BaseCommand<typeof Help> {
  static override summary = 'Show help on a command or a topic.';
  static override description =
    "A command's own page is `cloud COMMAND --help` too; topics are pages of the documentation, read offline.";
  static override strict = false;
  static override args = {
    command: Args.string({ description: 'The command, as you would type it, or the topic.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> mount',
    '<%= config.bin %> <%= command.id %> mount-vs-bisync',
  ];

  override async run(): Promise<void> {
    const words = this.argv.filter((word) => !word.startsWith('-'));
    const [name = ''] = words;
    if (words.length === 1 && HELP_TOPICS.some((topic) => topic.name === name)) {
      await showTopic(name, this.config.root, this.out);
      return;
    }
    const { assertKnownHelp } = await import('../cli/known-commands.ts');
    assertKnownHelp(words, [
      ...this.config.commandIDs,
      ...this.config.topics.map((topic) => topic.name),
      ...HELP_TOPICS.map((topic) => topic.name),
    ]);
    const HelpClass = await loadHelpClass(this.config);
    await new HelpClass(this.config, this.config.pjson.oclif.helpOptions).showHelp(
      [words.join(':')].filter(Boolean),
    );
  }
}
