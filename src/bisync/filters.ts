import { encodeRcloneName, hasLookAlike } from './names.ts';

/** The file that must be the same on both sides; it also never changes, so that not all files can. */
export const ACCESS_FILE = '.cloud-access';
export const ACCESS_CONTENT =
  'cloud looks for this file to know that it reached the right place.\n';

/** Names of our own that are never synced begin like this. */
export const OWN_PREFIX = '.cloud-';

/** Folders that the default list leaves out wherever they are. */
export const IGNORED_FOLDERS: readonly string[] = [
  '.git',
  '__pycache__',
  '.pytest_cache',
  'node_modules',
];

/**
 * SPEC-8's default list, with three corrections: our own files are left out, rclone's conflict
 * names are matched as rclone writes them (`a.md.conflict1`), and a folder's rule also covers the
 * folder deeper down. https://rclone.org/filtering/
 */
const DEFAULT_RULES: readonly string[] = [
  `+ /${ACCESS_FILE}`,
  `- ${OWN_PREFIX}*`,
  `- ${OWN_PREFIX}*/**`,
  '- .DS_Store',
  ...IGNORED_FOLDERS.map((name) => `- ${name}/**`),
  '- *.pyc',
  '- *.conflict*',
  '- Thumbs.db',
  '- desktop.ini',
];

/** A file, or a folder with all that is in it, that a run leaves alone on both sides. */
export interface LeftOut {
  path: string;
  folder: boolean;
  reason: 'unreadable' | 'unsupported-name';
}

/** The filter file of a run. `leftOut` is what cannot be read now. */
export function filterRules(leftOut: readonly LeftOut[]): string {
  const rules = [
    ...leftOut.map(({ path, folder }) => `- /${asPattern(path)}${folder ? '/**' : ''}`),
    ...DEFAULT_RULES,
  ];
  return `${rules.join('\n')}\n`;
}

export function isLeftOut(path: string, leftOut: readonly LeftOut[]): boolean {
  return leftOut.some((out) => (out.folder ? path.startsWith(`${out.path}/`) : path === out.path));
}

/**
 * The path as rclone shows it; a backslash takes the meaning of its glob characters away. How rclone
 * shows a look-alike depends on where it stands, so that matches as any few characters of its kind.
 */
function asPattern(path: string): string {
  let pattern = '';
  for (const char of path) {
    if (char === '/' || char === '.') pattern += char;
    else if (hasLookAlike(char)) pattern += '{{[\\x{201b}\\x{2400}-\\x{2421}\\x{ff0f}\\x{ff0e}]+}}';
    else pattern += encodeRcloneName(char).replace(/[\\*?[\]{}]/g, '\\$&');
  }
  return pattern;
}
