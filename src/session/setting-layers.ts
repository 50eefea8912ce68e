import { cwd } from 'node:process';
import type { Host } from '../platform/host.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { closest } from '../output/closest.ts';
import {
  configurationPath,
  readConfiguration,
  updateConfiguration,
  type Configuration,
} from './configuration.ts';
import { readProjectFile, trustedServer, type ProjectFile } from './project-file.ts';
import { SETTINGS, type Setting } from './setting-table.ts';
import { DEFAULT_SERVER, normalizeServer } from './settings.ts';

type Value = string | boolean;

export interface SettingValue {
  key: string;
  /** Null: nothing was said, and what happens depends on the machine or the account. */
  value: Value | null;
  /** `flag --context`, `environment CLOUD_CONTEXT`, `project file PATH`, `configuration PATH`, `default`. */
  origin: string;
  about: string;
}

/**
 * What the project file and the configuration say for flags that neither the command line nor the
 * environment set.
 *
 * @param given the flags that are set
 * @throws AbortError `project-file-damaged`, `secret-in-project-file`, `untrusted-server` (78)
 */
export async function settingsForFlags(
  host: Host,
  flags: readonly string[],
  given: ReadonlySet<string>,
): Promise<Record<string, Value>> {
  const project = await readProjectFile(cwd());
  const configuration = await configurationIfWhole(host);
  const found: Record<string, Value> = {};
  for (const setting of SETTINGS) {
    const { key } = setting;
    if (!flags.includes(key) || given.has(key)) continue;
    const value = fromProject(project, configuration, key, given) ?? chosen(setting, configuration);
    if (value !== undefined) found[key] = value;
  }
  return found;
}

/** What the configuration says, as far as it stands for a flag; the rest is looked up where it counts. */
function chosen({ key, read }: Setting, configuration: Configuration): Value | undefined {
  const lookedUp = ['context', 'server', 'path', 'mount-path', 'conflicts', 'gitignore'];
  const elsewhere = [...lookedUp, 'insecure-storage'].includes(key);
  return elsewhere ? undefined : read(configuration);
}

function fromProject(
  project: ProjectFile | undefined,
  configuration: Configuration,
  key: string,
  given: ReadonlySet<string>,
): Value | undefined {
  if (key !== 'server') return project?.values[key];
  // A context that somebody named has its server.
  return project === undefined || given.has('context')
    ? undefined
    : trustedServer(project, configuration);
}

/** One that is damaged is told of by whatever needs it; doctor still has to run. */
async function configurationIfWhole(host: Host): Promise<Configuration> {
  try {
    return await readConfiguration(host);
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    return { version: 1, contexts: {}, folders: {} };
  }
}

/** Every setting, its value and where that comes from. */
export async function listSettings(
  host: Host,
  flags: Readonly<Record<string, unknown>>,
  argv: readonly string[],
): Promise<SettingValue[]> {
  const project = await readProjectFile(cwd());
  const configuration = await readConfiguration(host);
  return SETTINGS.map((setting) => {
    const { key, env, about } = setting;
    const typed = argv.some((word) => word === `--${key}` || word.startsWith(`--${key}=`));
    const flag = flags[key];
    const variable = host.env[env] ?? '';
    const inProject = project?.values[key];
    const own = setting.read(configuration);
    const entry = (value: Value | null, origin: string): SettingValue => ({
      ...{ key, value, origin, about },
    });
    if (typed && (typeof flag === 'string' || typeof flag === 'boolean')) {
      return entry(flag, `flag --${key}`);
    }
    if (variable !== '') return entry(variable, `environment ${env}`);
    if (project !== undefined && inProject !== undefined) {
      return entry(inProject, `project file ${project.path}`);
    }
    if (own !== undefined) return entry(own, `configuration ${configurationPath(host)}`);
    return key === 'server' ? serverOf(configuration, entry) : entry(setting.fallback, 'default');
  });
}

function serverOf(
  { currentContext, contexts }: Configuration,
  entry: (value: Value, origin: string) => SettingValue,
): SettingValue {
  const server = contexts[currentContext ?? '']?.server;
  return server === undefined
    ? entry(DEFAULT_SERVER, 'default')
    : entry(server, `context ${currentContext ?? ''}`);
}

/** @throws AbortError `unknown-setting` (2) */
export function settingNamed(key: string): Setting {
  const setting = SETTINGS.find((each) => each.key === key);
  if (setting !== undefined) return setting;
  const known = SETTINGS.map((each) => each.key);
  const guess = closest(key, known);
  const secret = /token|secret|password|key/i.test(key);
  throw new AbortError('unknown-setting', `There is no setting ${key}.`, {
    exitCode: ExitCode.usage,
    suggestions: [
      ...(secret ? ['Secrets are no settings; sign in with: cloud login'] : []),
      ...(guess === undefined ? [] : [`Did you mean ${guess}?`]),
      `Settings: ${known.join(', ')}`,
    ],
    details: { known },
  });
}

/**
 * Sets a value in the user's configuration; undefined takes it out.
 *
 * @throws AbortError `unknown-setting`, `invalid-setting`, `not-settable` (2), `bad-server-url` (2)
 */
export async function changeSetting(
  host: Host,
  key: string,
  text: string | undefined,
): Promise<void> {
  const setting = settingNamed(key);
  if (setting.set === null) {
    const how = key === 'context' ? 'cloud context use NAME' : `cloud setup --${key} DIR`;
    throw new AbortError('not-settable', `${key} is set by another command.`, {
      exitCode: ExitCode.usage,
      suggestions: [how],
    });
  }
  const value = text === undefined ? undefined : parseSetting(setting, text);
  const { set } = setting;
  await updateConfiguration(host, (configuration) => set(configuration, value));
}

function parseSetting({ key, schema, takes }: Setting, text: string): Value {
  if (key === 'server') return normalizeServer(text);
  const words: Record<string, boolean> = { true: true, yes: true, false: false, no: false };
  const value = takes === 'true, false' ? (words[text.toLowerCase()] ?? text) : text;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AbortError('invalid-setting', `${key} cannot be ${text}.`, {
    exitCode: ExitCode.usage,
    suggestions: [`It takes: ${takes}`],
    details: { key },
  });
}
