import { posix, win32, type PlatformPath } from 'node:path';

/**
 * What differs between the systems, as values, so that the branches of Windows and macOS can be run
 * on any of them. Chosen once (`here`), or by the name that a `Host` has.
 */
export interface Platform {
  readonly name: NodeJS.Platform;
  /** How paths are written. */
  readonly path: PlatformPath;
  /**
   * Permission bits, signals and process groups, sockets that are files, folders that can be flushed.
   * Where it is false, access lists are inherited from the user's folders, and there are named pipes.
   */
  readonly unix: boolean;
  /** Letters of different case are one name, on file systems as they are made by default. */
  readonly foldsCase: boolean;
  /** Both Unicode forms of `é` are one name. */
  readonly foldsForms: boolean;
  /** A file that somebody has open can be neither replaced nor renamed: also for a virus scanner. */
  readonly holdsOpenFiles: boolean;
  /** One watch is for a folder and all below; else each folder needs its own. */
  readonly watchesTrees: boolean;
  /** What the name of a program may end with. */
  readonly programEndings: readonly [string, ...string[]];
  /** The longest name and the longest whole path, and in what they are counted. */
  readonly limits: {
    readonly name: number;
    readonly path: number;
    readonly sizeOfName: (text: string) => number;
    readonly sizeOfPath: (text: string) => number;
  };
}

const bytes = (text: string): number => Buffer.byteLength(text);
const units = (text: string): number => text.length;

const UNIX: Omit<Platform, 'name'> = {
  ...{ path: posix, unix: true, foldsCase: false, foldsForms: false, holdsOpenFiles: false },
  ...{ watchesTrees: false, programEndings: [''] },
  limits: { name: 255, path: 4095, sizeOfName: bytes, sizeOfPath: bytes },
};
const MACOS: Omit<Platform, 'name'> = {
  ...{ ...UNIX, foldsCase: true, foldsForms: true, watchesTrees: true },
  limits: { name: 255, path: 1023, sizeOfName: units, sizeOfPath: bytes },
};
const WINDOWS: Omit<Platform, 'name'> = {
  ...{ path: win32, unix: false, foldsCase: true, foldsForms: false, holdsOpenFiles: true },
  ...{ watchesTrees: true, programEndings: ['.exe', '.cmd', '.bat'] },
  // Node and rclone write long paths as `\\?\`, so the 260 of other programs do not count.
  limits: { name: 255, path: 32_000, sizeOfName: units, sizeOfPath: units },
};

export function platformOf(name: NodeJS.Platform): Platform {
  const family = name === 'win32' ? WINDOWS : name === 'darwin' ? MACOS : UNIX;
  return { ...family, name };
}

/** The system that this process runs on. */
export const here: Platform = platformOf(process.platform);
