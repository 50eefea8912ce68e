import { homedir } from 'node:os';
import { here, platformOf } from './platform.ts';

/** Where the product keeps its files; every folder is created 0700 by whoever writes first. */
export interface Places {
  /** Contexts and user configuration. */
  config: string;
  /** Folder pairs, mounts, locks, journals, logs. */
  state: string;
  /** The private rclone and the trash. */
  data: string;
  /** The VFS cache of mounts. */
  cache: string;
  /** The person's home, for the default folders `~/Cloud` and `~/CloudMount`. */
  home: string;
}

const NAME = 'cloud-cli';

/**
 * XDG folders on Linux, Library on macOS, AppData on Windows; `CLOUD_HOME` moves all of them.
 * Relative XDG values are ignored, as the XDG Base Directory Specification asks.
 */
export function resolvePlaces(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = here.name,
  home: string = homedir(),
): Places {
  const { path } = platformOf(platform);
  const moved = env['CLOUD_HOME'];
  if (moved !== undefined && moved !== '') {
    const root = path.resolve(moved);
    return {
      config: path.join(root, 'config'),
      state: path.join(root, 'state'),
      data: path.join(root, 'data'),
      cache: path.join(root, 'cache'),
      home,
    };
  }
  if (platform === 'darwin') {
    const support = path.join(home, 'Library', 'Application Support', NAME);
    return {
      config: path.join(support, 'config'),
      state: path.join(support, 'state'),
      data: path.join(support, 'data'),
      cache: path.join(home, 'Library', 'Caches', NAME),
      home,
    };
  }
  if (platform === 'win32') {
    const local = env['LOCALAPPDATA'] ?? path.join(home, 'AppData', 'Local');
    const root = path.join(local, NAME);
    return {
      config: path.join(root, 'config'),
      state: path.join(root, 'state'),
      data: path.join(root, 'data'),
      cache: path.join(root, 'cache'),
      home,
    };
  }
  const xdg = (name: string, fallback: string): string => {
    const value = env[name];
    const base = value !== undefined && path.isAbsolute(value) ? value : path.join(home, fallback);
    return path.join(base, NAME);
  };
  return {
    config: xdg('XDG_CONFIG_HOME', '.config'),
    state: xdg('XDG_STATE_HOME', '.local/state'),
    data: xdg('XDG_DATA_HOME', '.local/share'),
    cache: xdg('XDG_CACHE_HOME', '.cache'),
    home,
  };
}

/** A shell leaves the `~` of `--path=~/notes`, or of a variable, as it is. */
export function inHome<T extends string | undefined>(path: T, { home }: Pick<Places, 'home'>): T {
  return path?.replace(/^~(?=$|[/\\])/, () => home) as T;
}
