import { stripVTControlCharacters } from 'node:util';
import { closest } from '../output/closest.ts';
import type { ErrorReport } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { redact } from '../output/redact.ts';

/** What is known of a call when its command line is wrong. */
export interface Call {
  /** As it is typed: `rclone install`. Undefined when no command was found. */
  command?: string | undefined;
  /** The long flags of the command without dashes, each with the variable that sets it too. */
  flags?: ReadonlyMap<string, string | undefined>;
  /** The words behind the command. */
  argv?: readonly string[];
  /** All commands there are, as they are typed. */
  commands?: readonly string[];
}

/**
 * The parser's errors in our words. Its own form would print the whole command line, in which a
 * secret may have been mistyped; what stood where no argument belongs is never repeated either.
 */
export function usageReport(error: unknown, call: Call = {}): ErrorReport | undefined {
  if (!(error instanceof Error) || !('oclif' in error)) return undefined;
  // On a terminal the parser dims what it complains of.
  const words = stripVTControlCharacters(error.message);
  const text = redact(words.replace(/\n?See more help with --help$/, ''));
  if ((error.oclif as { exit?: number } | undefined)?.exit === 0) {
    return { code: 'ok', message: text, exitCode: ExitCode.ok, suggestions: [], details: {} };
  }
  const unknown = /^command (.+) not found/s.exec(text)?.[1];
  return unknown === undefined
    ? usage(inOurWords(text, call), call)
    : unknownCommand(unknown.replaceAll(':', ' '), call.commands ?? []);
}

function usage({ message, guess }: Words, { command }: Call): ErrorReport {
  return {
    code: 'usage',
    message,
    exitCode: ExitCode.usage,
    suggestions: [
      ...(guess === undefined ? [] : [`Did you mean ${guess}?`]),
      command === undefined ? 'cloud --help' : `cloud ${command} --help`,
    ],
    details: {},
  };
}

interface Words {
  message: string;
  guess?: string | undefined;
}

function inOurWords(text: string, call: Call): Words {
  for (const [pattern, words] of WORDS) {
    const found = pattern.exec(text);
    if (found !== null) return words(found.slice(1), call);
  }
  return { message: text };
}

/** What the parser of @oclif/core says, and what we say. */
const WORDS: readonly [RegExp, (parts: (string | undefined)[], call: Call) => Words][] = [
  [/^Nonexistent flags?: (.*)$/s, ([flags = ''], call) => unknownFlag(flags, call)],
  [
    /^Expected --([\w-]+)=(.*) to be one of: (.*)$/s,
    ([name = '', typed = '', options = ''], call) => ({
      message: `${source(name, call)} takes ${either(options.split(', '))}, not ${typed}.`,
      guess: closest(typed, options.split(', ')),
    }),
  ],
  [
    /^Flag --([\w-]+) expects one of these values: (.*)$/s,
    ([name = '', options = '']) => ({
      message: `--${name} needs a value: ${either(options.split(', '))}.`,
    }),
  ],
  [/^Flag --([\w-]+) expects a value/, ([name = '']) => ({ message: `--${name} needs a value.` })],
  [
    /^Flag --([\w-]+) can only be specified once/,
    ([name = '']) => ({ message: `--${name} can be given only once.` }),
  ],
  [
    /^Parsing --([\w-]+) \s*Expected an integer(.*?)(?: but received: (.*))$/s,
    ([name = '', bound = '', typed = ''], call) => ({
      message: `${source(name, call)} takes a whole number${bound.replace('greater than or equal to', 'of at least').replace('less than or equal to', 'of at most')}, not ${typed}.`,
    }),
  ],
  [
    /^Parsing --([\w-]+) \s*Expected a duration but received: (.*)$/s,
    ([name = '', typed = ''], call) => ({
      message: `${source(name, call)} takes a time such as 90s, 10m or 1h, not ${typed}.`,
    }),
  ],
  [
    /^Unexpected arguments?:/,
    (_parts, { command }) => ({
      message: `${command === undefined ? 'It' : `\`cloud ${command}\``} does not take that many arguments.`,
    }),
  ],
  [
    /^Missing \d+ required args?:\n(.*)$/s,
    ([list = '']) => ({
      message: `Missing: ${list
        .split('\n')
        .flatMap((line) => /^\s*(\S+)/.exec(line)?.[1]?.toUpperCase() ?? [])
        .join(', ')}.`,
    }),
  ],
  [
    /^The following errors? occurred:\s*(.*)$/s,
    ([list = '']) => ({
      message: list
        .split('\n')
        .map((line) => constraint(line.trim()))
        .join(' '),
    }),
  ],
];

function unknownFlag(flags: string, { command, flags: known }: Call): Words {
  // What follows a `=` is a value, and not ours to repeat.
  const names = flags.split(', ').map((flag) => flag.replace(/=.*/s, ''));
  const of = command === undefined ? 'There is' : `\`cloud ${command}\` has`;
  const [first = ''] = names;
  const guess = closest(first.replace(/^-+/, ''), [...(known?.keys() ?? [])]);
  return {
    message: `${of} no flag ${names.join(', ')}.`,
    guess: guess === undefined ? undefined : `--${guess}`,
  };
}

function constraint(line: string): string {
  const needed = /^Missing required flag (\S+)$/.exec(line)?.[1];
  if (needed !== undefined) return `--${needed} is needed.`;
  const [, one, other] =
    /^--([\w-]+)(?:=.*)? cannot also be provided when using --([\w-]+)/s.exec(line) ?? [];
  if (one !== undefined && other !== undefined) {
    return `--${one} and --${other} cannot be given together.`;
  }
  return `${line}.`;
}

/** A value that nobody typed came from the environment. */
function source(name: string, { flags, argv = [] }: Call): string {
  const variable = flags?.get(name);
  const typed = argv.some((word) => word === `--${name}` || word.startsWith(`--${name}=`));
  return typed || variable === undefined ? `--${name}` : variable;
}

function either(options: readonly string[]): string {
  const last = options.at(-1) ?? '';
  return options.length < 2 ? last : `${options.slice(0, -1).join(', ')} or ${last}`;
}

/** What is called so in other programs. */
const ELSEWHERE: Readonly<Record<string, string | undefined>> = {
  sync: 'bisync',
  version: '--version',
  watch: 'bisync --watch',
};

function unknownCommand(typed: string, commands: readonly string[]): ErrorReport {
  const words = typed.split(' ');
  for (let length = words.length - 1; length > 0; length -= 1) {
    const command = words.slice(0, length).join(' ');
    if (commands.includes(command)) {
      return usage({ message: `\`cloud ${command}\` takes no arguments.` }, { command });
    }
  }
  const [topic = ''] = words;
  const isTopic = commands.some((command) => command.startsWith(`${topic} `));
  const guess = ELSEWHERE[typed] ?? closest(typed, commands);
  return {
    code: 'unknown-command',
    message: `There is no command \`cloud ${redact(typed)}\`.`,
    exitCode: ExitCode.unknownCommand,
    suggestions: [
      ...(guess === undefined ? [] : [`Did you mean \`cloud ${guess}\`?`]),
      isTopic ? `cloud ${topic} --help` : 'cloud --help',
    ],
    details: {},
  };
}
