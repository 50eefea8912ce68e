/** The one place that builds rclone's command lines. No secret ever goes into one. */

declare const builtHere: unique symbol;
/** A command line from this file: nothing else makes one, and nothing else is run. */
export type RcloneArgv = readonly string[] & { readonly [builtHere]: true };

/** Printed for machines: one JSON object a line on stderr, without colour codes inside `msg`. */
const LOG_FLAGS = ['--use-json-log', '-v', '--color', 'NEVER'] as const;

/** A bucket, or a folder in it, of a remote in our own configuration file. */
export interface RemotePath {
  /** Name of the remote, without the colon. */
  remote: string;
  bucket: string;
  /** Key prefix without slashes at its ends. */
  prefix?: string;
}

/** rclone's own form: `remote:bucket/prefix`. */
export function formatRemotePath(path: RemotePath): string {
  const prefix = path.prefix === undefined || path.prefix === '' ? '' : `/${path.prefix}`;
  return `${path.remote}:${path.bucket}${prefix}`;
}

export interface BisyncPlanArgs {
  /** Our configuration file, without secrets. */
  config: string;
  /** Absolute path of the local folder. */
  local: string;
  remote: RemotePath;
  /** A folder with the baseline's listings, where the present listings are left. */
  workdir: string;
  /** Filter rules, one a line. */
  filterFrom: string;
}

/**
 * `rclone bisync --dry-run`: lists both sides with size and MD5, applies the filters, and changes
 * nothing. Comparing by size and checksum costs one listing request per thousand
 * objects instead of one request per object. `--force` because the guards are ours, on the plan:
 * rclone's would end the run before the listings are written. The filters are not a
 * `--filters-file`, since rclone then wants a resync after every change of them.
 */
export function bisyncPlanArgv(args: BisyncPlanArgs): RcloneArgv {
  return built(
    ...['bisync', args.local, formatRemotePath(args.remote), '--dry-run', '--force'],
    ...['--config', args.config, '--workdir', args.workdir],
    ...['--compare', 'size,checksum', '--fast-list', '--checkers', '16'],
    // Otherwise rclone takes `é` in its two Unicode forms for one name and leaves one file out.
    '--no-unicode-normalization',
    ...['--filter-from', args.filterFrom],
    // With rclone's own defaults a run against a dead server still hangs after two minutes.
    ...['--retries', '1', '--low-level-retries', '2'],
    // Tigris: read after write across regions; other stores ignore it.
    ...['--header', 'X-Tigris-Consistent: true'],
    // A sign of life, also while it hashes or lists for minutes.
    ...['--stats', '10s'],
    ...LOG_FLAGS,
  );
}

export interface RcdArgs {
  /** `unix:///path/of/socket`, or `127.0.0.1:0` where there are no such sockets. */
  address: string;
  /** Whether the socket's folder protects it; otherwise user and password are in the environment. */
  openToSocketOwner: boolean;
  /** The VFS cache. */
  cacheDir: string;
  /** Log to this file, rotated, instead of stderr. */
  logFile?: string;
  /** Uploads at once. Default: rclone's own, 4. */
  transfers?: number;
}

/**
 * `rclone rcd` for mounts. `--config ""` keeps its configuration in memory only, so that the keys
 * it is told over the socket are in no file, no environment and no command line.
 */
export function rcdArgv(args: RcdArgs): RcloneArgv {
  return built(
    ...['rcd', '--rc-addr', args.address],
    ...(args.openToSocketOwner ? ['--rc-no-auth'] : []),
    ...['--config', '', '--cache-dir', args.cacheDir],
    ...(args.transfers === undefined ? [] : ['--transfers', String(args.transfers)]),
    ...(args.logFile === undefined ? [] : logFileFlags(args.logFile)),
    ...['--retries', '1', '--low-level-retries', '2'],
    // A listing is tried four times with that, and a program that reads waits for a dozen of requests before
    // it gets an error: 40 s and some minutes where a network swallows everything, hours with rclone's own.
    ...['--contimeout', '5s', '--timeout', '10s'],
    ...['--header', 'X-Tigris-Consistent: true'],
    ...LOG_FLAGS,
  );
}

function logFileFlags(path: string): string[] {
  return ['--log-file', path, '--log-file-max-size', '5Mi', '--log-file-max-backups', '2'];
}

/** `rclone version`: whether it is one, and which. */
export function versionArgv(): RcloneArgv {
  return built('version');
}

/** What a build says that it has: its commands, the flags of all of them, or those of one. */
export function helpArgv(of: 'commands' | 'flags' | HelpOfCommand): RcloneArgv {
  if (of === 'commands') return built('help');
  return of === 'flags' ? built('help', 'flags') : built(of, '--help');
}
/** The commands with flags or options of their own that we use. */
export type HelpOfCommand = 'bisync' | 'mount' | 'cmount' | 'nfsmount';

/** `rclone config file`: where this build looks for a person's own configuration. */
export function configFileArgv(): RcloneArgv {
  return built('config', 'file');
}

/**
 * Every way in which a command line is built here. The tests drive each of them against the help
 * texts of the versions that we support; one that is missing here, or there, fails them.
 */
export const ARGV_BUILDERS = {
  bisyncPlanArgv,
  rcdArgv,
  versionArgv,
  helpArgv,
  configFileArgv,
} satisfies Record<string, (args: never) => RcloneArgv>;

function built(...words: string[]): RcloneArgv {
  return words as readonly string[] as RcloneArgv;
}

/** Every command line that a folder pair or a mount may need, at its fullest, for the probe. */
export function fullestArgvs(): { bisync: RcloneArgv; rcd: RcloneArgv } {
  return {
    bisync: bisyncPlanArgv({
      config: '/config',
      local: '/local',
      remote: { remote: 'remote', bucket: 'bucket' },
      workdir: '/work',
      filterFrom: '/filters',
    }),
    rcd: rcdArgv({
      address: 'unix:///socket',
      openToSocketOwner: true,
      cacheDir: '/cache',
      logFile: '/log',
      transfers: 4,
    }),
  };
}

/** The long flags of a command line, without their values: `['--config', '--workdir', …]`. */
export function longFlags(argv: readonly string[]): string[] {
  return argv.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/=.*/s, ''));
}
