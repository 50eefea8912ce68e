import { findRenames, type Rename } from './renames.ts';
import type { Baseline, BaselineEntry, Listing, Version } from './versions.ts';

/** What one path needs. `replaces` is the agreed version that is overwritten; null: the path is new there. */
export type Action =
  | { type: 'upload'; path: string; size: number; replaces: BaselineEntry | null }
  | { type: 'download'; path: string; size: number; replaces: BaselineEntry | null }
  | { type: 'delete-local'; path: string; size: number; agreed: BaselineEntry }
  | { type: 'delete-remote'; path: string; size: number; agreed: BaselineEntry }
  /** Both sides have their own version. */
  | { type: 'conflict'; path: string; local: Version; remote: Version }
  /** The listings cannot tell whether both sides are equal: their contents are compared. */
  | { type: 'compare'; path: string; local: Version; remote: Version }
  /** Both sides came to the same by themselves; only the baseline changes. */
  | { type: 'agree'; path: string; entry: BaselineEntry }
  | { type: 'forget'; path: string };

export interface Plan {
  actions: Action[];
  renames: Rename[];
  /** Paths that are equal on both sides and in the baseline. */
  unchanged: number;
}

/**
 * The three-way comparison. For each path, with the baseline as ancestor: equal on both sides stays
 * untouched; changed on one side only goes to the other; changed on both and different is a
 * conflict; an edit wins against a delete (Balasubramaniam and Pierce, *What is a file
 * synchronizer?*). With an empty baseline it is a union: nothing is deleted.
 */
export function makePlan(baseline: Baseline, local: Listing, remote: Listing): Plan {
  const actions: Action[] = [];
  let unchanged = 0;
  const compare = (path: string, base: BaselineEntry | undefined): void => {
    const action = decide(path, base, local.get(path), remote.get(path));
    if (action === undefined) unchanged += 1;
    else actions.push(action);
  };
  for (const [path, base] of baseline) compare(path, base);
  // What is new, without a set of all paths: there may be a million.
  for (const path of local.keys()) if (!baseline.has(path)) compare(path, undefined);
  for (const path of remote.keys()) {
    if (!baseline.has(path) && !local.has(path)) compare(path, undefined);
  }
  actions.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { actions, renames: findRenames(actions, { local, remote }), unchanged };
}

function decide(
  path: string,
  base: BaselineEntry | undefined,
  local: Version | undefined,
  remote: Version | undefined,
): Action | undefined {
  if (local === undefined && remote === undefined) return { type: 'forget', path };
  if (local === undefined) return remoteOnly(path, base, remote);
  if (remote === undefined) return localOnly(path, base, local);
  const localChanged = base === undefined || !isAgreed(local, base);
  const remoteChanged = base === undefined || !isAgreed(remote, base);
  if (!localChanged && !remoteChanged) return undefined;
  if (base !== undefined && !localChanged) {
    return { type: 'download', path, size: remote.size, replaces: base };
  }
  if (base !== undefined && !remoteChanged) {
    return { type: 'upload', path, size: local.size, replaces: base };
  }
  if (local.size !== remote.size) return { type: 'conflict', path, local, remote };
  if (local.md5 === null || remote.md5 === null) return { type: 'compare', path, local, remote };
  if (local.md5 !== remote.md5) return { type: 'conflict', path, local, remote };
  // Not the listing's ETag: what is written later names the MD5, which this very content has.
  return { type: 'agree', path, entry: { size: local.size, md5: local.md5, etag: null } };
}

function remoteOnly(
  path: string,
  base: BaselineEntry | undefined,
  remote: Version | undefined,
): Action | undefined {
  if (remote === undefined) return undefined;
  const { size } = remote;
  return base !== undefined && isAgreed(remote, base)
    ? { type: 'delete-remote', path, size, agreed: base }
    : { type: 'download', path, size, replaces: null };
}

function localOnly(path: string, base: BaselineEntry | undefined, local: Version): Action {
  const { size } = local;
  return base !== undefined && isAgreed(local, base)
    ? { type: 'delete-local', path, size, agreed: base }
    : { type: 'upload', path, size, replaces: null };
}

/** Whether a version is the agreed one; without an MD5 our recorded ETag decides. */
export function isAgreed(version: Version, base: BaselineEntry): boolean {
  if (version.size !== base.size) return false;
  if (version.md5 !== null) return version.md5 === base.md5;
  return version.etag !== undefined && version.etag === base.etag;
}
