import type { MountOptions, VfsOptions } from '../rclone/mount-options.ts';
import type { RcloneCapabilities } from '../rclone/rclone.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { isDrive } from './mount-point.ts';
import type { MountProfile } from './profiles.ts';

/** What decides how a machine mounts; gathered by `probeMachine`, made up by tests. */
export interface Machine {
  platform: NodeJS.Platform;
  isRoot: boolean;
  capabilities: Pick<RcloneCapabilities, 'mount' | 'nfsmount'>;
  /** `/dev/fuse` can be opened. */
  fuseDevice: boolean;
  /** Whether these programs are on PATH. */
  fusermount: boolean;
  mountNfs: boolean;
  winfsp: boolean;
}

/** One way to mount. Everything that differs between systems is in here. */
export interface MountAdapter {
  kind: 'fuse' | 'nfs' | 'winfsp';
  /** Why this one, for `--verbose` and `mount-status`. */
  reason: string;
  /** rclone's names for it, best first; builds differ. */
  mountTypes: readonly string[];
  /** The types that the system's mount table shows for it. */
  tableTypes: readonly string[];
  /** Options on top of rclone's defaults. */
  mountOptions(path: string): MountOptions;
  /** Commands that take the mount away although it is busy or dead, tried in this order. */
  detach(path: string): (readonly [string, ...string[]])[];
  /** Whether the folder must exist before (Windows wants it not to). */
  wantsFolder: boolean;
}

/**
 * NFS waits for ever by default: a crashed server hangs every program that looks at the folder.
 * Soft with these limits ends in an error instead: 2 s, 4 s and 8 s for each of the tries.
 */
const BOUNDED_NFS = ['soft', 'intr', 'timeo=20', 'retrans=2'];

const fuse = (reason: string): MountAdapter => ({
  kind: 'fuse',
  reason,
  mountTypes: ['mount', 'mount2'],
  tableTypes: ['fuse.rclone', 'fuse'],
  mountOptions: () => ({}),
  detach: (path) => [
    ['fusermount3', '-uz', path],
    ['fusermount', '-uz', path],
    ['umount', '-l', path],
  ],
  wantsFolder: true,
});

const nfs = (reason: string, options: string[], force: string[]): MountAdapter => ({
  kind: 'nfs',
  reason,
  mountTypes: ['nfsmount'],
  tableTypes: ['nfs', 'nfs3', 'nfs4'],
  mountOptions: () => ({ ExtraOptions: [...BOUNDED_NFS, ...options] }),
  detach: (path) => [['umount', ...force, path]],
  wantsFolder: true,
});

const linuxNfs = (reason: string): MountAdapter => nfs(reason, ['nolock'], ['-f', '-l']);
const macNfs = (reason: string): MountAdapter => nfs(reason, ['nolocks'], ['-f']);

const winfsp = (reason: string): MountAdapter => ({
  kind: 'winfsp',
  reason,
  mountTypes: ['cmount', 'mount'],
  tableTypes: [],
  // Programs treat a network drive as slow, which it is; WinFsp has no such folders.
  mountOptions: (path) => ({ NetworkMode: isDrive(path) }),
  // Windows ends the mount with its process; there is nothing left to take away.
  detach: () => [],
  wantsFolder: false,
});

/**
 * How this machine mounts. The first that works: Linux FUSE, then NFS for root; macOS NFS, which
 * needs neither a kernel extension nor root; Windows WinFsp.
 *
 * @throws AbortError `cannot-mount` (13), or (12) where another rclone would do
 */
export function chooseAdapter(machine: Machine): MountAdapter {
  switch (machine.platform) {
    case 'win32':
      return chooseWindows(machine);
    case 'darwin':
      return chooseMac(machine);
    default:
      return chooseLinux(machine);
  }
}

function chooseLinux(machine: Machine): MountAdapter {
  const { capabilities } = machine;
  const missing = [
    ...(capabilities.mount ? [] : ['this rclone cannot mount']),
    ...(machine.fuseDevice ? [] : ['/dev/fuse is not there or may not be opened']),
    ...(machine.fusermount ? [] : ['fusermount3 is not installed']),
  ];
  if (missing.length === 0) return fuse('FUSE: /dev/fuse and fusermount3 are there');
  const because = missing.join(', ');
  if (machine.isRoot && capabilities.nfsmount && machine.mountNfs) {
    return linuxNfs(`NFS, because ${because}, and root may mount NFS`);
  }
  throw cannotMount(`This machine cannot mount: ${because}.`, [
    ...(machine.fusermount ? [] : ['sudo apt-get install fuse3   (or your system’s package)']),
    'cloud bisync   (keeps a folder in step without mounting)',
  ]);
}

function chooseMac({ capabilities }: Machine): MountAdapter {
  if (capabilities.nfsmount) {
    return macNfs('NFS: built into macOS, without a kernel extension');
  }
  throw new AbortError('cannot-mount', 'This rclone cannot mount on macOS.', {
    exitCode: ExitCode.rclone,
    suggestions: ['cloud rclone install'],
  });
}

function chooseWindows({ capabilities, winfsp: installed }: Machine): MountAdapter {
  if (capabilities.mount && installed) return winfsp('WinFsp is installed');
  throw cannotMount('This machine cannot mount: WinFsp is not installed.', [
    'winget install WinFsp.WinFsp',
    'cloud bisync   (keeps a folder in step without mounting)',
  ]);
}

function cannotMount(message: string, suggestions: string[]): AbortError {
  return new AbortError('cannot-mount', message, { exitCode: ExitCode.mount, suggestions });
}

/**
 * The adapter that a mount was made with, to end it where nothing can be probed any more.
 * `null`: it never got as far; the system's first choice then.
 */
export function adapterOf(
  made: { kind: MountAdapter['kind']; reason: string } | null,
  platform: NodeJS.Platform,
): MountAdapter {
  const mac = platform === 'darwin';
  const first = platform === 'win32' ? 'winfsp' : mac ? 'nfs' : 'fuse';
  const { kind, reason } = made ?? { kind: first, reason: 'first choice of this system' };
  switch (kind) {
    case 'fuse':
      return fuse(reason);
    case 'nfs':
      return mac ? macNfs(reason) : linuxNfs(reason);
    case 'winfsp':
      return winfsp(reason);
  }
}

/** The file system's side of a profile, in the words of rclone's `vfsOpt`. */
export function vfsOptions(profile: MountProfile, readOnly: boolean): VfsOptions {
  return {
    // The only mode besides `writes` in which programs can append, rewrite and rename as on a disk.
    CacheMode: 'full',
    // The supervisor has listings that are out of date read anew, in place. By this time rclone drops
    // them itself after twice as long, and with them the working folders of programs.
    DirCacheTime: '12h',
    // A version is known by its size and MD5, which listings tell. rclone would ask for its time as well,
    // a request for each file that is opened, and none is opened while the storage is out of reach.
    FastFingerprint: true,
    // S3 tells nobody about changes; polling would only cost requests.
    PollInterval: '0s',
    WriteBack: `${profile.writeBackSeconds}s`,
    CacheMaxAge: `${profile.cacheHours}h`,
    CacheMaxSize: `${profile.cacheGiB}Gi`,
    CacheMinFreeSpace: '1Gi',
    ReadOnly: readOnly,
    Umask: 0o077,
  };
}
