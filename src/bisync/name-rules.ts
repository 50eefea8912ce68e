import { foldName, unfitHere } from '../platform/file-names.ts';
import { platformOf } from '../platform/platform.ts';

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

/**
 * Why a file cannot be synced under this path at all: neither side may lose it, so it is told and
 * left alone on both. Undefined when it can.
 */
export function unfitName(path: string, rules: NameRules): string | undefined {
  if (Buffer.byteLength(path) > KEY_BYTES) return `its path is longer than ${KEY_BYTES} bytes`;
  return unfitHere(path, rules.root, platformOf(rules.platform));
}

/** The same for names that one system takes for the same: macOS folds both, Windows the case. */
export type Fold = (path: string) => string;

export function foldOf({ platform, caseInsensitive }: NameRules): Fold {
  const { foldsForms } = platformOf(platform);
  return (path) => foldName(path, { foldsCase: caseInsensitive, foldsForms });
}

/** Whether the system here takes some names for one. */
export function foldsNames({ platform, caseInsensitive }: NameRules): boolean {
  return caseInsensitive || platformOf(platform).foldsForms;
}

/** What some system folds: the strictest. */
export const foldAnywhere: Fold = (path) => foldName(path, { foldsCase: true, foldsForms: true });

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
