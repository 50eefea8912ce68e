import type { BaselineEntry, Listing, Version } from './versions.ts';

export interface Rename {
  /** Where the person renamed it. */
  side: 'local' | 'remote';
  from: string;
  to: string;
}

/** Of an action of a plan what tells a rename. */
interface Change {
  type: string;
  path: string;
  agreed?: BaselineEntry;
  replaces?: BaselineEntry | null;
}

/**
 * Which deletes are really renames: a path that vanished and one that appeared on the same side,
 * with the same content. Where that shows that a folder was moved, a file that was edited as well
 * went along with it.
 */
export function findRenames(
  actions: readonly Change[],
  listings: { local: Listing; remote: Listing },
): Rename[] {
  return (['local', 'remote'] as const).flatMap((side) => {
    const [gone, come] =
      side === 'local'
        ? (['delete-remote', 'upload'] as const)
        : (['delete-local', 'download'] as const);
    const vanished = actions.filter((action) => action.type === gone);
    const appeared = actions.filter((action) => action.type === come && action.replaces === null);
    const paths = new Set(appeared.map(({ path }) => path));
    const alike = sameContent(vanished, paths, listings[side]);
    const along = movedAlong(vanished, paths, alike);
    return [...alike, ...along].map(([from, to]) => ({ side, from, to }));
  });
}

/** Takes what it pairs out of `appeared`. */
function sameContent(
  vanished: readonly Change[],
  appeared: Set<string>,
  listing: Listing,
): Map<string, string> {
  const byContent = new Map<string, string[]>();
  for (const path of appeared) {
    const key = contentKey(path, listing.get(path));
    if (key === undefined) continue;
    const alike = byContent.get(key);
    if (alike === undefined) byContent.set(key, [path]);
    else alike.push(path);
  }
  // Taken from the end: from the start each would move all others, and there may be many alike.
  for (const alike of byContent.values()) alike.reverse();
  const pairs = new Map<string, string>();
  for (const { path, agreed } of vanished) {
    const to = byContent.get(contentKey(path, agreed) ?? '')?.pop();
    if (to === undefined) continue;
    pairs.set(path, to);
    appeared.delete(to);
  }
  return pairs;
}

/** Tells what is the same content. Empty files are all alike, so with them the name counts too. */
export function contentKey(
  path: string,
  version: Version | BaselineEntry | undefined,
): string | undefined {
  if (version === undefined) return undefined;
  if (version.size === 0) return `empty:${path.slice(path.lastIndexOf('/') + 1)}`;
  return version.md5 === null ? undefined : `${version.size}:${version.md5}`;
}

function movedAlong(
  vanished: readonly Change[],
  appeared: Set<string>,
  pairs: ReadonlyMap<string, string>,
): Map<string, string> {
  const folders = new Map<string, string>();
  for (const [from, to] of pairs) {
    const [before, after] = movedFolder(from, to) ?? [];
    if (before !== undefined && after !== undefined) folders.set(before, after);
  }
  const along = new Map<string, string>();
  for (const { path } of vanished) {
    if (pairs.has(path)) continue;
    const to = foldersOf(path)
      .map((folder) => [folder, folders.get(folder)] as const)
      .map(([folder, moved]) => (moved === undefined ? '' : moved + path.slice(folder.length)))
      .find((candidate) => appeared.has(candidate));
    if (to === undefined) continue;
    along.set(path, to);
    appeared.delete(to);
  }
  return along;
}

/** `a/old/x/y` and `a/new/x/y`: the folder `a/old` became `a/new`. Undefined for a single file. */
function movedFolder(from: string, to: string): [string, string] | undefined {
  const [before, after] = [from.split('/'), to.split('/')];
  let same = 0;
  while (
    same < Math.min(before.length, after.length) - 1 &&
    before.at(-1 - same) === after.at(-1 - same)
  ) {
    same += 1;
  }
  if (same === 0) return undefined;
  return [before.slice(0, -same).join('/'), after.slice(0, -same).join('/')];
}

/** The folders that a path is in, the nearest first. */
function foldersOf(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, names.length - index).join('/'));
}
