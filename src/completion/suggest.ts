import * as z from 'zod/mini';

const Flag = z.object({
  type: z.enum(['boolean', 'option']),
  char: z.optional(z.string()),
  description: z.optional(z.string()),
  helpValue: z.optional(z.string()),
  hidden: z.optional(z.boolean()),
  allowNo: z.optional(z.boolean()),
  multiple: z.optional(z.boolean()),
  options: z.optional(z.array(z.string())),
});

/** What the manifest of oclif says of the commands; the part that completion needs. */
export const CommandTree = z.object({
  commands: z.record(
    z.string(),
    z.object({
      summary: z.optional(z.string()),
      hidden: z.optional(z.boolean()),
      flags: z.record(z.string(), Flag),
      args: z.record(z.string(), z.object({ options: z.optional(z.array(z.string())) })),
    }),
  ),
  /** Of topics as oclif names them: `admin:tenant`. */
  topics: z.optional(z.record(z.string(), z.object({ description: z.optional(z.string()) }))),
});
export type CommandTree = z.infer<typeof CommandTree>;

export interface Candidate {
  value: string;
  description?: string | undefined;
}

/** `words`: what fits, `files` and `folders`: the shell's own completion of paths. */
export type Suggestions =
  { kind: 'words'; candidates: Candidate[] } | { kind: 'files' | 'folders'; candidates: [] };

/** Names that only this machine knows, asked for when they are needed. */
export interface KnownNames {
  profiles: () => Promise<Candidate[]>;
  contexts: () => Promise<Candidate[]>;
  conflicts: () => Promise<Candidate[]>;
  mounts: () => Promise<Candidate[]>;
  topics: readonly Candidate[];
  /** What `config` knows, each with the values that it takes where there are few. */
  settings: readonly (Candidate & { values: readonly string[] })[];
}

const NOTHING: Suggestions = { kind: 'words', candidates: [] };

/**
 * What can stand in the place of the last of `words`, which may be empty.
 *
 * @param words those behind `cloud`, up to the cursor
 */
export async function suggest(
  words: readonly string[],
  tree: CommandTree,
  names: KnownNames,
): Promise<Suggestions> {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  const found = findCommand(before, tree);
  const all = await candidatesFor({ before, typed, ...found }, tree, names);
  if (all.kind !== 'words') return all;
  return {
    kind: 'words',
    candidates: all.candidates.filter(({ value }) => value.startsWith(typed)),
  };
}

interface Place {
  before: readonly string[];
  typed: string;
  /** The command as oclif names it, and what stands behind it; undefined when none is named yet. */
  id: string | undefined;
  rest: readonly string[];
}

function findCommand(words: readonly string[], tree: CommandTree): Pick<Place, 'id' | 'rest'> {
  for (let length = words.length; length > 0; length -= 1) {
    const id = words.slice(0, length).join(':');
    if (id in tree.commands) return { id, rest: words.slice(length) };
  }
  return { id: undefined, rest: words };
}

async function candidatesFor(
  place: Place,
  tree: CommandTree,
  names: KnownNames,
): Promise<Suggestions> {
  const { before, typed, id, rest } = place;
  const command = id === undefined ? undefined : tree.commands[id];
  if (rest.includes('--')) return files();
  const next = nextWords(before, tree);
  if (command === undefined || id === undefined) {
    return words(typed.startsWith('-') ? flagsBefore(before) : next);
  }
  const value = valueOfFlag(typed, before.at(-1) ?? '', command.flags);
  if (value !== undefined) return valuesOf(value, names);
  if (typed.startsWith('-')) return words(flagsOf(command.flags, rest));
  if (id === 'help') return words([...nextWords(rest, tree), ...names.topics]);
  const argument = await argumentsOf(id, command, rest, names);
  if (argument.kind !== 'words') return next.length > 0 ? words(next) : argument;
  return words([...next, ...argument.candidates]);
}

/** The words that go on with a command or topic: after `conflicts`, `list` and the others. */
function nextWords(before: readonly string[], { commands, topics }: CommandTree): Candidate[] {
  const found = new Map<string, string | undefined>();
  for (const [id, { hidden, summary }] of Object.entries(commands)) {
    const parts = id.split(':');
    const [next] = parts.slice(before.length);
    if (hidden === true || next === undefined) continue;
    if (!before.every((word, index) => word === parts[index])) continue;
    const whole = parts.length === before.length + 1;
    const topic = topics?.[parts.slice(0, before.length + 1).join(':')]?.description;
    if (whole || !found.has(next)) found.set(next, whole ? summary : topic);
  }
  return [...found].map(([value, description]) => ({ value, description }));
}

const HELP: Candidate = { value: '--help', description: 'Show help.' };
const VERSION: Candidate = { value: '--version', description: 'Print the version.' };

/** Of the program or a topic, where no command is named yet. */
function flagsBefore(before: readonly string[]): Candidate[] {
  return before.length === 0 ? [HELP, VERSION] : [HELP];
}

type FlagOf = CommandTree['commands'][string]['flags'][string];
type Flags = Readonly<Record<string, FlagOf>>;

function flagsOf(flags: Flags, used: readonly string[]): Candidate[] {
  const own = Object.entries(flags).flatMap(([name, flag]) => {
    const long = `--${name}`;
    const taken = used.some((word) => word === long || word.startsWith(`${long}=`));
    if (flag.hidden === true || (taken && flag.multiple !== true)) return [];
    const { description } = flag;
    return [
      { value: long, description },
      ...(flag.allowNo === true ? [{ value: `--no-${name}`, description }] : []),
    ];
  });
  return [...own, HELP];
}

interface FlagValue {
  name: string;
  flag: FlagOf;
  /** `--profile=`, where the value is part of the word. */
  prefix: string;
}

function valueOfFlag(typed: string, previous: string, flags: Flags): FlagValue | undefined {
  const joined = /^--([\w-]+)=/.exec(typed);
  const name = joined?.[1] ?? nameOf(previous, flags);
  const flag = name === undefined ? undefined : flags[name];
  if (name === undefined || flag?.type !== 'option') return undefined;
  return { name, flag, prefix: joined?.[0] ?? '' };
}

function nameOf(word: string, flags: Flags): string | undefined {
  if (word.startsWith('--')) return word.slice(2);
  if (!/^-\w$/.test(word)) return undefined;
  return Object.entries(flags).find(([, { char }]) => char === word[1])?.[0];
}

async function valuesOf(
  { name, flag, prefix }: FlagValue,
  names: KnownNames,
): Promise<Suggestions> {
  if (flag.helpValue === 'DIR') return folders();
  if (flag.helpValue === 'FILE') return files();
  const values =
    flag.options?.map((value): Candidate => ({ value })) ??
    (name === 'context' ? await names.contexts() : undefined) ??
    (name === 'profile' ? await names.profiles() : undefined) ??
    [];
  return words(values.map((each) => ({ ...each, value: prefix + each.value })));
}

async function argumentsOf(
  id: string,
  { args, flags }: CommandTree['commands'][string],
  rest: readonly string[],
  names: KnownNames,
): Promise<Suggestions> {
  const wanted = Object.entries(args);
  const given = countArguments(rest, flags);
  const [name, argument] = wanted[Math.min(given, wanted.length - 1)] ?? [];
  if (name === undefined) return NOTHING;
  if (argument?.options !== undefined) return words(argument.options.map((value) => ({ value })));
  const [topic = '', verb = ''] = id.split(':');
  if (topic === 'conflicts') return words(await names.conflicts());
  if (topic === 'profiles') return words(await names.profiles());
  if (topic === 'context' && verb === 'use') return words(await names.contexts());
  if (topic === 'config' && given < wanted.length) {
    return words(name === 'key' ? [...names.settings] : valuesOfSetting(rest, names));
  }
  if (topic === 'unmount') return words(await names.mounts());
  return /^(path|file|dir|folder)$/.test(name) ? files() : NOTHING;
}

function valuesOfSetting(rest: readonly string[], { settings }: KnownNames): Candidate[] {
  const setting = settings.find(({ value }) => rest.includes(value));
  return (setting?.values ?? []).map((value) => ({ value }));
}

/** Words behind a command that are neither flags nor their values. */
function countArguments(rest: readonly string[], flags: Flags): number {
  return rest.filter((word, index) => {
    if (word.startsWith('-')) return false;
    const name = nameOf(rest[index - 1] ?? '', flags);
    return name === undefined || flags[name]?.type !== 'option';
  }).length;
}

function words(candidates: Candidate[]): Suggestions {
  return { kind: 'words', candidates };
}

function files(): Suggestions {
  return { kind: 'files', candidates: [] };
}

function folders(): Suggestions {
  return { kind: 'folders', candidates: [] };
}
