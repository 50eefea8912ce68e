import type { Platform } from './platform.ts';

/** https://learn.microsoft.com/windows/win32/fileio/naming-a-file */
const WINDOWS_DEVICES = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)/i;
const WINDOWS_SIGNS = /[<>:"|?*\\\p{Cc}]/u;

/** Why Windows cannot hold a path that others can. `path` has `/` between its names. */
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

/** Why this system cannot hold `path`, a key with `/` between its names, below `root`. */
export function unfitHere(path: string, root: string, platform: Platform): string | undefined {
  const { limits, unix } = platform;
  const why = unix ? undefined : unfitForWindows(path);
  if (why !== undefined) return why;
  const long = path.split('/').find((name) => limits.sizeOfName(name) > limits.name);
  if (long !== undefined) return `the name ${long.slice(0, 40)}… is too long for this system`;
  if (limits.sizeOfPath(`${root}/${path}`) <= limits.path) return undefined;
  return 'its whole path here is too long for this system';
}

/** The same text for names that a file system takes for one. */
export function foldName(
  name: string,
  { foldsCase, foldsForms }: Pick<Platform, 'foldsCase' | 'foldsForms'>,
): string {
  const form = foldsForms ? name.normalize('NFC') : name;
  return foldsCase ? foldCase(form) : form;
}

/**
 * Without the difference of case, at least wherever a file system sees none: they compare capital
 * letters (`ς` and `σ` have one), others small ones. Letter by letter, so that `ß` is no `ss`.
 */
function foldCase(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text.toLowerCase();
  return Array.from(text, foldLetter).join('');
}

function foldLetter(letter: string): string {
  // Only in Turkish it is the small form of I.
  if (letter === 'ı') return letter;
  const capital = letter.toUpperCase();
  return isOne(capital) ? capital.toLowerCase() : letter.toLowerCase();
}

function isOne(text: string): boolean {
  return text.length === 1 || Array.from(text).length === 1;
}
