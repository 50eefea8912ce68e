/** What the system here takes for a name. */
export interface NameRules {
  platform: NodeJS.Platform;
  /** Letters of different case are one name here, as by default on macOS and Windows. */
  caseInsensitive: boolean;
  /** The absolute path of the synced folder: it counts where a whole path has a limit. */
  root: string;
}

/** S3: a key has at most so many bytes. */
const KEY_BYTES = 1024;

/** https://learn.microsoft.com/windows/win32/fileio/naming-a-file */
const WINDOWS_DEVICES = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)/i;
const WINDOWS_SIGNS = /[<>:"|?*\\\p{Cc}]/u;

/**
 * Why a file cannot be synced under this path at all: neither side may lose it, so it is told and
 * left alone on both. Undefined when it can.
 */
export function unfitName(path: string, rules: NameRules): string | undefined {
  if (Buffer.byteLength(path) > KEY_BYTES) return `its path is longer than ${KEY_BYTES} bytes`;
  if (rules.platform === 'win32') {
    const why = unfitForWindows(path);
    if (why !== undefined) return why;
  }
  // File systems count bytes on Linux, UTF-16 units elsewhere.
  const isLinux = rules.platform !== 'win32' && rules.platform !== 'darwin';
  const length = (text: string): number => (isLinux ? Buffer.byteLength(text) : text.length);
  const long = path.split('/').find((name) => length(name) > 255);
  if (long !== undefined) return `the name ${long.slice(0, 40)}… is too long for this system`;
  const whole = `${rules.root}/${path}`;
  const tooLong =
    rules.platform === 'win32'
      ? whole.length > 32_000
      : Buffer.byteLength(whole) > (rules.platform === 'darwin' ? 1023 : 4095);
  return tooLong ? 'its whole path here is too long for this system' : undefined;
}

/** Why Windows cannot hold a path that others can. */
export function unfitForWindows(path: string): string | undefined {
  for (const name of path.split('/')) {
    const sign = WINDOWS_SIGNS.exec(name)?.[0];
    if (sign !== undefined) return `Windows has no ${shown(sign)} in names`;
    if (WINDOWS_DEVICES.test(name)) return `Windows keeps the name ${name} for a device`;
    if (/[. ]$/.test(name)) return 'Windows has no names that end in a dot or a space';
    if (name.length > 255) return 'Windows has no names of more than 255 characters';
  }
  return undefined;
}

function shown(sign: string): string {
  return /\p{Cc}/u.test(sign) ? 'control characters' : sign;
}

/** The same for names that one system takes for the same: macOS folds both, Windows the case. */
export type Fold = (path: string) => string;

export function foldOf({ platform, caseInsensitive }: NameRules): Fold {
  const form = (path: string): string => (platform === 'darwin' ? path.normalize('NFC') : path);
  return caseInsensitive ? (path) => form(path).toLowerCase() : form;
}

/** What some system folds: the strictest. */
export const foldAnywhere: Fold = (path) => path.normalize('NFC').toLowerCase();

/**
 * Paths that a folding system would take for others, or whose folder it would take for another. The
 * first of two keeps its name; those of `standing` come before all others.
 *
 * @returns the path and what it clashes with
 */
export function findCollisions(
  standing: Iterable<string>,
  others: Iterable<string>,
  fold: Fold,
): Map<string, string> {
  const taken = new Map<string, string>();
  const clashes = new Map<string, string>();
  const place = (path: string): void => {
    for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
      const part = end === -1 ? path : path.slice(0, end);
      const folded = fold(part);
      const other = taken.get(folded);
      if (other === undefined) taken.set(folded, part);
      else if (other !== part) {
        clashes.set(path, other);
        return;
      }
      if (end === -1) return;
    }
  };
  for (const path of [...standing].sort()) place(path);
  const first = new Set(clashes.keys());
  for (const path of [...others].sort()) place(path);
  // What stands here stands: only what would come is judged.
  for (const path of first) clashes.delete(path);
  return clashes;
}
