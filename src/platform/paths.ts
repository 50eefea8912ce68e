import { foldName } from './file-names.ts';
import { here, type Platform } from './platform.ts';

type Paths = Pick<Platform, 'path' | 'unix'>;

/**
 * What is at `path` as a key below `root`: names with `/` between them, empty for `root` itself.
 * Undefined when it is elsewhere. Both are absolute.
 */
export function keyBelow(root: string, path: string, platform: Paths = here): string | undefined {
  const way = platform.path.relative(whole(root, platform), whole(path, platform));
  // Between two drives, or a drive and a share, there is no way.
  if (platform.path.isAbsolute(way)) return undefined;
  const [first, ...rest] = way.split(platform.path.sep);
  return first === '..' ? undefined : [first, ...rest].join('/');
}

/** `X:` is the drive, as a mount has it, and not the folder that is the present one on it. */
function whole(path: string, { unix }: Paths): string {
  return !unix && /^[A-Za-z]:$/.test(path) ? `${path}\\` : path;
}

/** Whether an absolute path is `outer` or lies in it. */
export function isInside(outer: string, inner: string, platform: Paths = here): boolean {
  return keyBelow(outer, inner, platform) !== undefined;
}

/** Whether one of two is, or lies in, the other, whatever their case where that makes no difference. */
export function overlap(one: string, other: string, platform: Platform = here): boolean {
  const [a, b] = [foldName(one, platform), foldName(other, platform)];
  return isInside(a, b, platform) || isInside(b, a, platform);
}
