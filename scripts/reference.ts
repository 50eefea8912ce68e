/** Writes docs/commands.md from oclif.manifest.json, or with `--check` fails when it is stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Argument {
  name: string;
  description?: string;
  required?: boolean;
}

interface Flag extends Argument {
  char?: string;
  type: 'boolean' | 'option';
  helpValue?: string;
  helpGroup?: string;
  options?: string[];
  env?: string;
  hidden?: boolean;
  allowNo?: boolean;
}

interface Command {
  id: string;
  summary?: string;
  description?: string;
  examples?: (string | { command: string })[];
  args: Record<string, Argument>;
  flags: Record<string, Flag>;
  hidden?: boolean;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const path = `${root}docs/commands.md`;
const manifest = JSON.parse(readFileSync(`${root}oclif.manifest.json`, 'utf8')) as {
  commands: Record<string, Command>;
};
const commands = Object.values(manifest.commands)
  .filter(({ hidden }) => hidden !== true)
  .sort((a, b) => (a.id < b.id ? -1 : 1));

const text = page(commands);
if (!process.argv.includes('--check')) {
  writeFileSync(path, text);
} else if (readFileSync(path, 'utf8') !== text) {
  process.stderr.write('docs/commands.md is stale: run `npm run manifest` and commit it.\n');
  process.exitCode = 1;
}

function page(all: readonly Command[]): string {
  const shared = Object.values(all[0]?.flags ?? {}).filter(isGlobal);
  return [
    '# Commands',
    '',
    'Made from the commands themselves by `npm run manifest`. What the exit codes mean is in [exit-codes](exit-codes.md),',
    'how output is formed in [formatting](formatting.md), which variable goes before what in [environment](environment.md).',
    '',
    '## With every command',
    '',
    ...flagTable(shared),
    '',
    ...all.flatMap(section),
  ].join('\n');
}

function section({ id, summary, description, examples, args, flags }: Command): string[] {
  const name = id.replaceAll(':', ' ');
  const positional = Object.values(args);
  const words = positional.map((arg) => {
    const word = arg.name.toUpperCase();
    return arg.required === true ? word : `[${word}]`;
  });
  const own = Object.values(flags).filter((flag) => !isGlobal(flag) && flag.hidden !== true);
  return [
    `## cloud ${name}`,
    '',
    `\`cloud ${[name, ...words].join(' ')}${own.length > 0 ? ' [flags]' : ''}\``,
    '',
    ...(summary === undefined ? [] : [prose(summary, id), '']),
    ...(description === undefined ? [] : [prose(description, id), '']),
    ...(positional.length === 0 ? [] : [...argumentTable(positional), '']),
    ...(own.length === 0 ? [] : [...flagTable(own), '']),
    '```',
    ...(examples ?? []).map((example) =>
      filled(typeof example === 'string' ? example : example.command, id),
    ),
    '```',
    '',
  ];
}

function argumentTable(all: readonly Argument[]): string[] {
  return [
    '| argument | |',
    '|---|---|',
    ...all.map(({ name, description }) => `| \`${name.toUpperCase()}\` | ${cell(description)} |`),
  ];
}

function flagTable(all: readonly Flag[]): string[] {
  return [
    '| flag | variable | |',
    '|---|---|---|',
    ...all.map((flag) => {
      const { name, char, type, helpValue, options, env, description, required, allowNo } = flag;
      const value = type === 'boolean' ? '' : ` ${options?.join('|') ?? helpValue ?? 'VALUE'}`;
      const long = `--${allowNo === true ? '[no-]' : ''}${name}${value}`;
      const form = char === undefined ? `\`${long}\`` : `\`-${char}\`, \`${long}\``;
      const variable = env === undefined ? '' : `\`${env}\``;
      const must = required === true ? ' Required.' : '';
      return `| ${form.replaceAll('|', String.raw`\|`)} | ${variable} | ${cell(description)}${must} |`;
    }),
  ];
}

function isGlobal({ helpGroup }: Flag): boolean {
  return helpGroup === 'GLOBAL';
}

function prose(words: string, id: string): string {
  return filled(words, id).replaceAll('<', '\\<');
}

function cell(words = ''): string {
  return words
    .replaceAll('|', String.raw`\|`)
    .replaceAll('<', '\\<')
    .replaceAll('\n', ' ');
}

/** What oclif fills in when it shows help. */
function filled(words: string, id: string): string {
  return words
    .replaceAll('<%= config.bin %>', 'cloud')
    .replaceAll('<%= command.id %>', id.replaceAll(':', ' '));
}
