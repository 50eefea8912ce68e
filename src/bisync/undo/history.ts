import type { ObjectVersion, Snapshot } from '../../api/contract/snapshots.ts';
import { AbortError } from '../../output/errors.ts';
import type { Host } from '../../platform/host.ts';
import { readActivity, type ActivityRecord } from '../activity.ts';
import { hashStable } from '../local-file.ts';
import { pathInPair, openUndo, syncedPair, type FolderRequest } from './undo-context.ts';
import { trashFiles, type TrashFile } from './trash-files.ts';

/** One thing that happened to a file, newest first; with an id where that version can be had back. */
export interface HistoryEntry {
  /** For `cloud restore --version`; null where nothing keeps it. */
  id: string | null;
  /** RFC 3339. */
  at: string;
  what: 'added' | 'changed' | 'deleted' | 'restored' | 'in the trash';
  /** Null where it is not on record. */
  by: 'this device' | 'another device' | null;
  /** Bytes; null for a delete. */
  size: number | null;
  where: 'cloud' | 'trash' | null;
  /** The run that did it here, for `cloud undo`. */
  run: string | null;
  /** Names, or times, of the snapshots in which the file is this version. */
  snapshots: string[];
}

export interface History {
  root: string;
  path: string;
  entries: HistoryEntry[];
  /** Why the bucket's part is missing; null when it is not. */
  withoutCloud: string | null;
}

/**
 * What is known of one file: the bucket's versions, which the server tells, the trash, and the record of
 * what syncing did here. Without the server it is the latter two.
 *
 * @throws AbortError `not-set-up`, `never-synced` (10), `bad-path` (2)
 */
export async function fileHistory(
  request: FolderRequest & { file: string },
  host: Host,
): Promise<History> {
  const pair = await syncedPair(request, host);
  const path = pathInPair(pair.root, request.file);
  const records = (await readActivity(pair.folder)).filter(
    (record) => 'path' in record && record.path === path,
  );
  const trash = (await trashFiles(pair)).filter((file) => file.path === path);
  const cloud = await askCloud(request, path, host);
  const wait = (ms: number): Promise<void> => host.clock.sleep(ms, request.signal);
  const inCloud = new Set(cloud.versions.map(({ etag }) => etag));
  const onlyHere: TrashFile[] = [];
  for (const file of trash) {
    const version = await hashStable(file.file, wait).catch(() => undefined);
    if (version === undefined || !inCloud.has(`"${version.md5}"`)) onlyHere.push(file);
  }
  const entries = [
    ...cloudEntries(cloud.versions, cloud.snapshots, records),
    ...(cloud.refusal === null ? [] : recordedEntries(records)),
    ...onlyHere.map((file) => trashEntry(file, records)),
  ];
  entries.sort((a, b) => (a.at < b.at ? 1 : -1));
  return { root: pair.root, path, entries, withoutCloud: cloud.refusal };
}

interface CloudPart {
  versions: ObjectVersion[];
  snapshots: Snapshot[];
  refusal: string | null;
}

async function askCloud(request: FolderRequest, path: string, host: Host): Promise<CloudPart> {
  try {
    const { api } = await openUndo(request, host);
    const [{ versions }, { snapshots }] = await Promise.all([
      api.listVersions(path),
      api.listSnapshots(),
    ]);
    return { versions, snapshots, refusal: null };
  } catch (error) {
    request.signal.throwIfAborted();
    if (!(error instanceof AbortError)) throw error;
    return { versions: [], snapshots: [], refusal: error.message };
  }
}

/** @param versions newest first */
function cloudEntries(
  versions: readonly ObjectVersion[],
  snapshots: readonly Snapshot[],
  records: readonly ActivityRecord[],
): HistoryEntry[] {
  return versions.map((version, index): HistoryEntry => {
    const older = versions[index + 1];
    const since = BigInt(version.version);
    const until = index === 0 ? undefined : BigInt(versions[index - 1]?.version ?? 0);
    const within = snapshots.filter(({ version: at }) => {
      const time = BigInt(at);
      return time >= since && (until === undefined || time < until);
    });
    const { by, run } = whoDid(version, records);
    return {
      ...{ id: version.deleted ? null : version.version, at: version.created_at, by, run },
      what: version.deleted
        ? 'deleted'
        : older === undefined || older.deleted
          ? 'added'
          : 'changed',
      ...{ size: version.size, where: version.deleted ? null : 'cloud' },
      snapshots: version.deleted ? [] : within.map(({ name, created_at: at }) => name ?? at),
    };
  });
}

/** How far the times of one deed may differ between the storage's clock and this one's. */
const NEAR_MS = 60_000;

function whoDid(
  version: ObjectVersion,
  records: readonly ActivityRecord[],
): Pick<HistoryEntry, 'by' | 'run'> {
  const at = Date.parse(version.created_at);
  const own = records.find((record) => {
    const near = Math.abs(Date.parse(record.at) - at) < NEAR_MS;
    if (version.deleted) return record.type === 'deleted-remote' && near;
    return record.type === 'uploaded' && near && isVersionOf(version, record.after);
  });
  if (own !== undefined) return { by: 'this device', run: own.run };
  const seen = records.some((record) =>
    version.deleted
      ? record.type === 'deleted-local'
      : record.type === 'downloaded' && isVersionOf(version, record.after),
  );
  return { by: seen ? 'another device' : null, run: null };
}

function isVersionOf(
  version: ObjectVersion,
  recorded: { md5: string; etag?: string | null | undefined } | null,
): boolean {
  if (recorded === null || version.etag === null) return false;
  return version.etag === `"${recorded.md5}"` || version.etag === recorded.etag;
}

/** What is known without the bucket. */
function recordedEntries(records: readonly ActivityRecord[]): HistoryEntry[] {
  return records.flatMap((record): HistoryEntry[] => {
    const common = { at: record.at, run: record.run, id: null, where: null, snapshots: [] };
    switch (record.type) {
      case 'uploaded':
      case 'downloaded': {
        const by = record.type === 'uploaded' ? 'this device' : 'another device';
        const what = record.before === null ? 'added' : 'changed';
        return [{ ...common, what, by, size: record.after?.size ?? null }];
      }
      case 'deleted-remote':
        return [{ ...common, what: 'deleted', by: 'this device', size: null }];
      case 'deleted-local':
        return [{ ...common, what: 'deleted', by: 'another device', size: null }];
      case 'restored': {
        const what = record.after === null ? 'deleted' : 'restored';
        return [{ ...common, what, by: 'this device', size: record.after?.size ?? null }];
      }
      default:
        return [];
    }
  });
}

function trashEntry(
  { id, at, size, file }: TrashFile,
  records: readonly ActivityRecord[],
): HistoryEntry {
  const record = records.find((each) => 'aside' in each && each.aside === file);
  return {
    ...{ id, at: record?.at ?? at, what: 'in the trash', by: null, size, where: 'trash' },
    ...{ run: record?.run ?? null, snapshots: [] },
  };
}
