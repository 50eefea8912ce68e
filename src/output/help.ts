import { Help } from '@oclif/core/help';
import { HELP_TOPICS } from './help-topics.ts';

/** What a person needs first, in the order of need; everything else is one level down. */
const FIRST = [
  'setup',
  'status',
  'mount',
  'unmount',
  'bisync',
  'conflicts',
  'doctor',
  'login',
] as const;

/** oclif's help, with a root page that fits on a screen. */
export default class CloudHelp extends Help {
  override formatRoot(): string {
    const { bin } = this.config;
    const { description } = this.config.pjson as { description?: string };
    return `${description ?? ''}\n\nUSAGE\n  $ ${bin} COMMAND [FLAGS]`;
  }

  protected override showRootHelp(): Promise<void> {
    const commands = this.sortedCommands.filter((command) => !command.id.includes(':'));
    const byId = new Map(commands.map((command) => [command.id, command]));
    const first = FIRST.map((id) => byId.get(id)).filter((each) => each !== undefined);
    const rest = commands.filter((command) => !FIRST.some((id) => id === command.id));
    const topics = this.sortedTopics.filter((topic) => !topic.name.includes(':'));
    this.log(this.formatRoot());
    this.log('');
    this.log(this.section('COMMANDS', rows(first.map((each) => [each.id, each.summary]))));
    this.log('');
    this.log(
      this.section(
        'MORE',
        rows([
          ...topics.map((each): [string, string | undefined] => [
            `${each.name} …`,
            each.description,
          ]),
          ...rest.map((each): [string, string | undefined] => [each.id, each.summary]),
        ]),
      ),
    );
    this.log('');
    this.log(this.section('TOPICS', rows(HELP_TOPICS.map((each) => [each.name, each.summary]))));
    this.log('');
    this.log(`Help on one of them: ${this.config.bin} COMMAND --help, cloud help TOPIC`);
    return Promise.resolve();
  }
}

function rows(entries: readonly (readonly [string, string | undefined])[]): [string, string][] {
  return entries.map(([name, summary]) => [name, summary ?? '']);
}
