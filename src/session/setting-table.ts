import * as z from 'zod/mini';
import { SETUP_MODES, type Configuration } from './configuration.ts';

type Value = string | boolean;

export interface Setting {
  /** Also the name of the flag. */
  key: string;
  /** Its variable. */
  env: string;
  about: string;
  /** What applies where nobody says anything; null where that depends. */
  fallback: Value | null;
  /** Whether a project file may say it. */
  inProject: boolean;
  /** What may be set by hand; null: other commands set it. */
  set: ((configuration: Configuration, value: Value | undefined) => void) | null;
  read: (configuration: Configuration) => Value | undefined;
  schema: z.ZodMiniType<Value>;
  /** What the schema takes, in words. */
  takes: string;
}

const PROFILES = ['safe', 'balanced', 'fast'] as const;
const CONFLICTS = ['none', 'newer', 'larger', 'local', 'cloud'] as const;

/** In `settings` of the configuration, under its own name. */
function plain(
  key: 'server' | 'tenant' | 'mode' | 'profile' | 'rclone' | 'output' | 'browser',
): Pick<Setting, 'set' | 'read'> {
  return {
    read: ({ settings }) => settings?.[key],
    set: (configuration, value) => {
      configuration.settings = { ...configuration.settings, [key]: value };
    },
  };
}

/** In `sync`, where the watcher and the filters look for it. */
function ofSync(key: 'conflicts' | 'gitignore'): Pick<Setting, 'set' | 'read'> {
  return {
    read: ({ sync }) => sync?.[key],
    set: (configuration, value) => {
      configuration.sync = { ...configuration.sync, [key]: value };
    },
  };
}

const oneOf = (values: readonly string[]): Pick<Setting, 'schema' | 'takes'> => ({
  schema: z.enum(values),
  takes: values.join(', '),
});
const yesOrNo = { schema: z.boolean(), takes: 'true, false' };
/** What a setting takes whose values are not a few. */
export const ANY_TEXT = 'a text';
const text = { schema: z.string().check(z.minLength(1), z.maxLength(2048)), takes: ANY_TEXT };

/** What has a lasting meaning: flag > environment > project file > configuration > default. */
export const SETTINGS: readonly Setting[] = [
  {
    ...{ key: 'context', env: 'CLOUD_CONTEXT', about: 'account and tenant to use' },
    ...{ fallback: null, inProject: true, set: null, ...text },
    read: ({ currentContext }) => currentContext,
  },
  {
    ...{ key: 'server', env: 'CLOUD_SERVER', about: 'server of new sign-ins' },
    ...{ fallback: null, inProject: true, ...text, ...plain('server') },
  },
  {
    ...{ key: 'tenant', env: 'CLOUD_TENANT', about: 'tenant of new sign-ins' },
    ...{ fallback: null, inProject: true, ...text, ...plain('tenant') },
  },
  {
    ...{ key: 'mode', env: 'CLOUD_MODE', about: 'what setup starts' },
    ...{ fallback: null, inProject: true, ...oneOf(SETUP_MODES), ...plain('mode') },
  },
  {
    ...{ key: 'path', env: 'CLOUD_PATH', about: 'folder to sync' },
    ...{ fallback: null, inProject: true, set: null, ...text },
    read: ({ currentContext = '', folders }) => folders[currentContext]?.sync,
  },
  {
    ...{ key: 'mount-path', env: 'CLOUD_MOUNT_PATH', about: 'folder to mount at' },
    ...{ fallback: null, inProject: false, set: null, ...text },
    read: ({ currentContext = '', folders }) => folders[currentContext]?.mount,
  },
  {
    ...{ key: 'profile', env: 'CLOUD_PROFILE', about: 'how careful or how fast' },
    ...{ fallback: 'balanced', inProject: true, ...oneOf(PROFILES), ...plain('profile') },
  },
  {
    ...{ key: 'conflicts', env: 'CLOUD_CONFLICTS', about: 'which version keeps the name' },
    ...{ fallback: null, inProject: true, ...oneOf(CONFLICTS), ...ofSync('conflicts') },
  },
  {
    ...{ key: 'gitignore', env: 'CLOUD_GITIGNORE', about: '.gitignore files count too' },
    ...{ fallback: false, inProject: true, ...yesOrNo, ...ofSync('gitignore') },
  },
  {
    // Names a program to run, so it is nobody's business but the user's.
    ...{ key: 'rclone', env: 'CLOUD_RCLONE', about: 'rclone to use' },
    ...{ fallback: null, inProject: false, ...text, ...plain('rclone') },
  },
  {
    ...{ key: 'output', env: 'CLOUD_OUTPUT', about: 'form of results' },
    ...{ fallback: 'table', inProject: false, ...oneOf(['table', 'tsv']), ...plain('output') },
  },
  {
    ...{ key: 'browser', env: 'CLOUD_BROWSER', about: 'sign-in opens a browser' },
    ...{ fallback: true, inProject: false, ...yesOrNo, ...plain('browser') },
  },
  {
    ...{ key: 'insecure-storage', env: 'CLOUD_INSECURE_STORAGE', ...yesOrNo },
    about: "the secrets' key in a file",
    ...{ fallback: false, inProject: false },
    read: ({ insecureStorage }) => insecureStorage,
    set: (configuration, value) => {
      if (typeof value === 'boolean') configuration.insecureStorage = value;
      else delete configuration.insecureStorage;
    },
  },
];
