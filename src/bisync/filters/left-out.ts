/** A file, or a folder with all that is in it, that a run leaves alone on both sides. */
export interface LeftOut {
  path: string;
  folder: boolean;
  reason: 'unreadable' | 'unsupported-name';
}

/** Tells what is left out, in no more time for many than for few. */
export function leftOutTest(leftOut: readonly LeftOut[]): (path: string) => boolean {
  const files = new Set<string>();
  const folders = new Set<string>();
  for (const { path, folder } of leftOut) (folder ? folders : files).add(path);
  return (path) => {
    if (files.has(path)) return true;
    if (folders.size === 0) return false;
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      if (folders.has(path.slice(0, end))) return true;
    }
    return false;
  };
}
