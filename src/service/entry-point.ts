import { existsSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { posix } from 'node:path';
import { keyBelow } from '../platform/paths.ts';
import { platformOf } from '../platform/platform.ts';

/** This process, as far as a later login needs to know it. */
export interface RunningProgram {
  /** `process.execPath`: without links, so it often holds a version. */
  node: string;
  /** `process.argv[1]` as it was called: a link where it was called by one. */
  script: string;
}

export interface EntryDeps {
  env: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  /** The path without links; undefined when nothing is there. */
  realPath: (path: string) => string | undefined;
}

export function realPathOf(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}

/**
 * The paths by which Node and the program are found at a later login, also after either was updated:
 * a link that leads to the same file is kept by package managers, the folder with the version in its
 * name that it leads to is not.
 */
export function stableEntry(program: RunningProgram, deps: EntryDeps): RunningProgram {
  const { platform, realPath } = deps;
  const { path } = platformOf(platform);
  const real = realPath(program.node) ?? program.node;
  const name = `node${platformOf(platform).programEndings[0]}`;
  const links = searchPath(deps).map((folder) => path.join(folder, name));
  const stable = links.find((link) => realPath(link) === real && !holdsVersion(link));
  const byLink = links.find((link) => realPath(link) === real);
  return {
    node: holdsVersion(program.node) ? (stable ?? byLink ?? program.node) : program.node,
    script: program.script,
  };
}

/** npx runs what the next cleaning of its cache takes away. */
export function isFromNpx(script: string): boolean {
  return /[\\/]_npx[\\/]/.test(script);
}

/**
 * The folders of PATH that a later login can use too. Those of one shell session (fnm), of one npm
 * run, and temporary ones are left out.
 */
export function searchPath({ env, platform }: Pick<EntryDeps, 'env' | 'platform'>): string[] {
  const { path } = platformOf(platform);
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((each) => path.isAbsolute(each));
  return folders.filter(
    (folder) =>
      !/fnm_multishells|node_modules[\\/]\.bin|node-gyp-bin|[\\/]_npx[\\/]/.test(folder) &&
      !isTemporary(folder, platform),
  );
}

/** `v24.7.0`, `24.7.0_1`, `node@24`: what an update replaces. */
function holdsVersion(path: string): boolean {
  return /[\\/@v-]\d+(\.\d+)+/.test(path) || /[\\/]Cellar[\\/]/.test(path);
}

/** What the next boot may take away. */
export function isTemporary(place: string, platform: NodeJS.Platform): boolean {
  const system = platformOf(platform);
  const more = system.unix ? ['/tmp', '/var/tmp', '/run', '/private/tmp'] : [];
  return [...more, tmpdir()].some((root) => (keyBelow(root, place, system) ?? '') !== '');
}

/** Settings that a service needs as much as the shell that installed it. Secrets are none of them. */
const TAKEN = [
  ...['CLOUD_HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME'],
  ...['CLOUD_INSECURE_STORAGE', 'CLOUD_RCLONE', 'CLOUD_RCLONE_MIRROR'],
  ...['CLOUD_TRASH_DAYS', 'CLOUD_TRASH_MB'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['NODE_EXTRA_CA_CERTS', 'NODE_USE_SYSTEM_CA', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['LANG', 'LC_ALL'],
];
const USUAL_PATH = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];
const HOMEBREW = '/opt/homebrew/bin';

export interface ServiceEnvironment {
  variables: Record<string, string>;
  /** Names of variables that were left out, because a password is in them. */
  withheld: string[];
}

/**
 * What a service's environment has beside what its manager gives it: our folders, proxies, and on
 * macOS and Linux the PATH, of which managers give little. A proxy with a password is left out: a
 * definition is not the place for one.
 */
export function serviceEnvironment(
  { env, platform }: Pick<EntryDeps, 'env' | 'platform'>,
  node: string,
  exists: (path: string) => boolean = existsSync,
): ServiceEnvironment {
  const set = TAKEN.flatMap((name) => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  const withheld = set.filter(([, value]) => holdsPassword(value)).map(([name]) => name);
  const variables = Object.fromEntries(set.filter(([name]) => !withheld.includes(name)));
  if (platform !== 'win32') {
    const usual = platform === 'darwin' ? [HOMEBREW, ...USUAL_PATH] : USUAL_PATH;
    const folders = [posix.dirname(node), ...searchPath({ env, platform }), ...usual];
    variables['PATH'] = [...new Set(folders)].filter(exists).join(':');
  }
  return { variables, withheld };
}

function holdsPassword(value: string): boolean {
  return /^\w+:\/\/[^/@]*:[^/@]*@/.test(value);
}
