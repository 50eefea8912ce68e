import { Help } from '@oclif/core/help';
import { CommandPage } from './command-help.ts';
import { wrap } from './format.ts';
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
  protected override CommandHelpClass = CommandPage;

  override formatRoot(): string {
    const { bin } = this.config;
    const { description } = this.config.pjson as { description?: string };
    return `${wrap(description ?? '', this.width)}\n\nUSAGE\n  $ ${bin} COMMAND [FLAGS]`;
  }

  private get width(): number {
    return this.opts.maxWidth;
  }

  protected override showRootHelp(): Promise<void> {
    const commands = this.sortedCommands.filter((command) => !command.id.includes(':'));
    const topics = this.sortedTopics.filter((topic) => !topic.name.includes(':'));
    const entries = new Map<string, Entry>([
      ...topics.map(({ name, description }) => [name, [`${name} …`, description]] as const),
      ...commands.map(({ id, summary }) => [id, [id, summary]] as const),
    ]);
    const first = FIRST.flatMap((name) => {
      const entry = entries.get(name);
      entries.delete(name);
      return entry === undefined ? [] : [entry];
    });
    this.log(this.formatRoot());
    this.log('');
    this.log(this.section('COMMANDS', rows(first)));
    this.log('');
    const more = [...entries.values()];
    const isTopic = ([name]: Entry): boolean => name.endsWith('…');
    this.log(this.section('MORE', rows(more.filter(isTopic))));
    // By name only: with a line each, the page would be longer than a screen.
    const names = more.filter((each) => !isTopic(each)).map(([name]) => name);
    this.log(wrap(`  ${names.join(', ')}`, this.width, '  '));
    this.log('');
    const pages = HELP_TOPICS.map(({ name }) => name);
    this.log(this.section('TOPICS', wrap(pages.join(', '), this.width - 2)));
    this.log('');
    this.log(`Help on one of them: ${this.config.bin} COMMAND --help, cloud help TOPIC`);
    return Promise.resolve();
  }
}

type Entry = readonly [string, string | undefined];

function rows(entries: readonly Entry[]): [string, string][] {
  return entries.map(([name, summary]) => [name, summary ?? '']);
}
