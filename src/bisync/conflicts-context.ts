import { realpath } from 'node:fs/promises';
import type { Host } from '../platform/host.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { ensureBucketKey } from '../session/bucket-key.ts';
import { openSession } from '../session/open.ts';
import { syncSettings } from '../session/sync-settings.ts';
import { conflictsOf, noConflict } from './choose-conflicts.ts';
import { diffConflict, type ConflictDiff } from './conflict-diff.ts';
import { listConflicts, type FileConflict } from './conflict-list.ts';
import { readMemory, type OpenConflict } from './pair-memory.ts';
import { pairFolder, readPairs } from './pair.ts';
import { resolveConflicts, type Keep, type ResolveResult } from './resolve-conflicts.ts';
import { openFolder, type SyncRequest } from './sync-context.ts';

type FolderRequest = Pick<SyncRequest, 'session' | 'path' | 'gitignore'>;

export interface ConflictList {
  root: string;
  conflicts: FileConflict[];
}

/** The conflicts in the synced folder of a context. Offline. @throws AbortError `not-set-up` (10) */
export async function conflictsIn(request: FolderRequest, host: Host): Promise<ConflictList> {
  const { root, gitignore } = await openFolder(request, host);
  // Pairs are known by their folder without symlinks.
  const real = await realpath(root).catch(() => root);
  const pairs = (await readPairs(host)).filter((pair) => pair.root === real);
  const open: OpenConflict[] = [];
  for (const { id } of pairs) open.push(...(await readMemory(pairFolder(host, id))).openConflicts);
  return { root, conflicts: await listConflicts(root, open, gitignore) };
}

/** Those of one file or of one copy. @throws AbortError `no-conflict` (2) */
export async function conflictsAt(
  request: FolderRequest,
  path: string,
  host: Host,
): Promise<ConflictList> {
  const { root, conflicts } = await conflictsIn(request, host);
  const found = conflictsOf(conflicts, path);
  if (found.length === 0) throw noConflict(path);
  return { root, conflicts: found };
}

/** @throws AbortError `no-conflict` (2) */
export async function diffsAt(
  request: FolderRequest,
  path: string,
  host: Host,
): Promise<ConflictDiff[]> {
  const { root, conflicts } = await conflictsAt(request, path, host);
  return Promise.all(conflicts.map((conflict) => diffConflict(root, conflict)));
}

/** Resolves conflicts of a context's folder; neither the server nor rclone is needed. */
export async function resolveInContext(
  request: FolderRequest & { waitMs?: number; signal: AbortSignal },
  choice: { paths: readonly string[] | 'all'; keep: Keep },
  host: Host,
): Promise<ResolveResult> {
  const { signal, waitMs } = request;
  const session = await openSession(host, request.session, { signal });
  const [access, folder] = await Promise.all([session.bucketAccess(), openFolder(request, host)]);
  const gitignore = request.gitignore ?? (await syncSettings(host)).gitignore;
  const renewAccess = async (): Promise<BucketAccess> =>
    (await ensureBucketKey(session, host)).access;
  const options = { access, renewAccess, localRoot: folder.root, gitignore, waitMs, signal };
  return resolveConflicts({ ...options, ...choice }, host);
}
