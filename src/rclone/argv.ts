/** The one place that builds rclone's command lines. No secret ever goes into one. */

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

export interface BisyncArgs {
  /** Our configuration file, without secrets. */
  config: string;
  /** Absolute path of the local folder. */
  local: string;
  remote: RemotePath;
  /** rclone's state of this one folder pair. */
  workdir: string;
  filtersFile: string;
  /** Deletes above this share of the prior listing stop the run, per side, 0 to 100. */
  maxDeletePercent: number;
  /** Wants the marker file (`RCLONE_TEST`) on both sides, even for a resync. */
  checkAccess: boolean;
  dryRun: boolean;
  /** Rebuilds the baseline as a union; the newer side wins and the other goes to the backups. */
  resync?: {
    /** Absolute folder on the local disk, outside the local root. */
    localBackup: string;
  };
  /** Default 32; first syncs of small files gain up to 64. */
  transfers?: number;
}

/** Where a resync keeps what it replaces in the bucket; never synced itself. */
const REMOTE_BACKUP = '.bk';

/**
 * `rclone bisync`: the dry run that makes a plan, or the plain run where a plan cannot be made.
 * Comparing by size and checksum costs one listing request per thousand objects instead of one
 * request per object; a resync also looks at times, to know which side is newer.
 */
export function bisyncArgv(args: BisyncArgs): string[] {
  const remote = formatRemotePath(args.remote);
  return [
    ...['bisync', args.local, remote],
    ...['--config', args.config, '--workdir', args.workdir],
    ...['--compare', args.resync === undefined ? 'size,checksum' : 'size,modtime,checksum'],
    ...['--fast-list', '--checkers', '16', '--transfers', String(args.transfers ?? 32)],
    ...['--resilient', '--recover', '--max-lock', '2m'],
    ...['--max-delete', String(args.maxDeletePercent)],
    ...(args.checkAccess ? ['--check-access'] : []),
    ...['--filters-file', args.filtersFile],
    // With rclone's own defaults a run against a dead server still hangs after two minutes.
    ...['--retries', '1', '--low-level-retries', '2'],
    ...(args.resync === undefined ? [] : resyncFlags(remote, args.resync)),
    ...(args.dryRun ? ['--dry-run'] : []),
    // Tigris: read after write across regions; other stores ignore it.
    ...['--header', 'X-Tigris-Consistent: true'],
    ...['--stats', '500ms', '--stats-log-level', 'NOTICE'],
    ...LOG_FLAGS,
  ];
}

function resyncFlags(remote: string, resync: { localBackup: string }): string[] {
  return [
    ...['--resync', '--resync-mode', 'newer'],
    ...['--backup-dir1', resync.localBackup, '--backup-dir2', `${remote}/${REMOTE_BACKUP}`],
    ...['--filter', `- /${REMOTE_BACKUP}/**`],
  ];
}

export interface RcdArgs {
  /** `unix:///path/of/socket`, or `127.0.0.1:0` where there are no such sockets. */
  address: string;
  /** Whether the socket's folder protects it; otherwise user and password are in the environment. */
  openToSocketOwner: boolean;
  /** The VFS cache. */
  cacheDir: string;
}

/**
 * `rclone rcd` for mounts. `--config ""` keeps its configuration in memory only, so that the keys
 * it is told over the socket are in no file, no environment and no command line.
 */
export function rcdArgv(args: RcdArgs): string[] {
  return [
    ...['rcd', '--rc-addr', args.address],
    ...(args.openToSocketOwner ? ['--rc-no-auth'] : []),
    ...['--config', '', '--cache-dir', args.cacheDir],
    ...['--retries', '1', '--low-level-retries', '3'],
    ...['--header', 'X-Tigris-Consistent: true'],
    ...LOG_FLAGS,
  ];
}

/** Every command line that a folder pair or a mount may need, at its fullest, for the probe. */
export function fullestArgvs(): { bisync: string[]; rcd: string[] } {
  return {
    bisync: bisyncArgv({
      config: '/config',
      local: '/local',
      remote: { remote: 'remote', bucket: 'bucket' },
      workdir: '/work',
      filtersFile: '/filters',
      maxDeletePercent: 50,
      checkAccess: true,
      dryRun: true,
      resync: { localBackup: '/backup' },
    }),
    rcd: rcdArgv({ address: 'unix:///socket', openToSocketOwner: true, cacheDir: '/cache' }),
  };
}

/** The long flags of a command line, without their values: `['--config', '--workdir', …]`. */
export function longFlags(argv: readonly string[]): string[] {
  return argv.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/=.*/s, ''));
}
