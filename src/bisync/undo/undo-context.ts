import type { ApiClient } from '../../api/client.ts';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import type { Host } from '../../platform/host.ts';
import { keyBelow } from '../../platform/paths.ts';
import { here, type Platform } from '../../platform/platform.ts';
import type { BucketAccess } from '../../session/bucket-access.ts';
import { ensureBucketKey } from '../../session/bucket-key.ts';
import { openSession } from '../../session/open.ts';
import type { SessionFlags } from '../../session/settings.ts';
import type { BisyncOptions } from '../options.ts';
import { readRecord, trashFolder, type PairRecord } from '../pair.ts';
import { openFolder } from '../sync-context.ts';
import { activityFolder } from '../watch/watched-folder.ts';
import type { ListVersions } from './earlier-versions.ts';

/** Which folder is meant, as every command about one says it. */
export interface FolderRequest {
  session: SessionFlags;
  path?: string | undefined;
  signal: AbortSignal;
}

/** A synced folder, its bucket, and the server that knows what the bucket keeps. */
export interface UndoTarget extends Pick<
  BisyncOptions,
  'access' | 'renewAccess' | 'localRoot' | 'signal'
> {
  listVersions: ListVersions;
  api: ApiClient;
}

/** Needs neither the server nor the bucket yet. @throws AbortError `not-set-up` (10) */
export async function openUndo(
  { session: flags, path, signal }: FolderRequest,
  host: Host,
): Promise<UndoTarget> {
  const session = await openSession(host, flags, { signal });
  const { api } = session;
  const [access, { root }] = await Promise.all([
    session.bucketAccess(),
    openFolder({ session: flags, path }, host),
  ]);
  const renewAccess = async (): Promise<BucketAccess> =>
    (await ensureBucketKey(session, host)).access;
  const listVersions: ListVersions = (key) => api.listVersions(key);
  return { access, renewAccess, localRoot: root, signal, listVersions, api };
}

/** A folder that has been synced, for what works offline. @throws AbortError `never-synced` (10) */
export async function syncedPair(
  request: Pick<FolderRequest, 'session' | 'path'>,
  host: Host,
): Promise<PairRecord & { folder: string; trash: string }> {
  const folder = await activityFolder(request, host);
  const record = await readRecord(folder);
  // The folder was found by its record.
  if (record === undefined) throw new Error(`the record of ${folder} is gone`);
  return { ...record, folder, trash: trashFolder(host, record.id) };
}

/**
 * What a person calls a file, as a path in the pair: relative to the synced folder, or absolute inside it.
 *
 * @throws AbortError `bad-path` (2)
 */
export function pathInPair(root: string, word: string, platform: Platform = here): string {
  const path = keyBelow(root, platform.path.resolve(root, word), platform);
  if (path !== undefined && path !== '') return path;
  throw new AbortError('bad-path', `${word} is no file or folder inside ${root}.`, {
    exitCode: ExitCode.usage,
    suggestions: ['Name it as it is below the synced folder: notes/plan.md'],
  });
}
