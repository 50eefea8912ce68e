/**
 * rclone's options of a mount, by their names in `mount/mount` (`vfsOpt`, `mountOpt`), each with the
 * flag that shows in a help text that a build has it. rclone ignores a name that it does not know
 * without a word, so only names from here can be sent, and the probe looks for every flag.
 */
export const VFS_OPTIONS = {
  CacheMode: '--vfs-cache-mode',
  CacheMaxAge: '--vfs-cache-max-age',
  CacheMaxSize: '--vfs-cache-max-size',
  CacheMinFreeSpace: '--vfs-cache-min-free-space',
  DirCacheTime: '--dir-cache-time',
  FastFingerprint: '--vfs-fast-fingerprint',
  PollInterval: '--poll-interval',
  ReadOnly: '--read-only',
  Umask: '--umask',
  WriteBack: '--vfs-write-back',
} as const;

export const MOUNT_OPTIONS = {
  AttrTimeout: '--attr-timeout',
  ExtraOptions: '--option',
  NetworkMode: '--network-mode',
} as const;

export type VfsOptions = Partial<Record<keyof typeof VFS_OPTIONS, unknown>>;
export type MountOptions = Partial<Record<keyof typeof MOUNT_OPTIONS, unknown>>;

/** The flags of `rclone mount --help` or `rclone nfsmount --help` that stand for all of them. */
export const MOUNT_FLAGS: readonly string[] = [
  ...Object.values(VFS_OPTIONS),
  ...Object.values(MOUNT_OPTIONS),
];
