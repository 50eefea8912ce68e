import type { Snapshot } from '../../api/contract/snapshots.ts';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import type { Host } from '../../platform/host.ts';
import { createS3Client } from '../../s3/client.ts';
import { isS3Failure } from '../../s3/errors.ts';
import { endingOfRun } from '../endings.ts';
import { OWN_PREFIX } from '../filters/own-files.ts';
import type { PastTime } from './find-versions.ts';
import { openUndo, type FolderRequest } from './undo-context.ts';

/** @throws AbortError `no-snapshots` (1), `bad-value` (2), and those of the server */
export async function takeSnapshot(
  request: FolderRequest & { name?: string | undefined },
  host: Host,
): Promise<Snapshot> {
  const { name } = request;
  if (name !== undefined && !/^[A-Za-z0-9][A-Za-z0-9 ._:-]{0,99}$/.test(name)) {
    const text = 'The name of a snapshot is of letters, digits, spaces and . _ : -, 100 at most.';
    throw new AbortError('bad-value', text, { exitCode: ExitCode.usage });
  }
  const { api } = await openUndo(request, host);
  return api.createSnapshot(name === undefined ? {} : { name });
}

/** Oldest first. */
export async function listSnapshots(request: FolderRequest, host: Host): Promise<Snapshot[]> {
  const { api } = await openUndo(request, host);
  return (await api.listSnapshots()).snapshots;
}

export interface SnapshotContents {
  /** What was asked for: a snapshot, or any moment. */
  at: string;
  files: { path: string; size: number }[];
  /** There were more than `limit`. */
  more: boolean;
}

/**
 * What was in the bucket at a time. The server is not needed, unless a name is given.
 *
 * @param request `at`: a version, the name of a snapshot (the last one of that name), or a time
 * @throws AbortError `no-such-snapshot` (2), `no-snapshots` (1), `offline` (5)
 */
export async function browseSnapshot(
  request: FolderRequest & { at: string | PastTime; below?: string | undefined; limit: number },
  host: Host,
): Promise<SnapshotContents> {
  const { signal, below = '', limit } = request;
  const target = await openUndo(request, host);
  const at = await versionOf(
    request.at,
    host,
    async () => (await target.api.listSnapshots()).snapshots,
  );
  const s3 = createS3Client(target.access);
  const found: SnapshotContents = { at: timeOf(at), files: [], more: false };
  try {
    for await (const { key, size } of s3.listAll(signal, { prefix: below, at })) {
      if (key.split('/').some((name) => name.startsWith(OWN_PREFIX))) continue;
      found.more = found.files.length === limit;
      if (found.more) break;
      found.files.push({ path: key, size });
    }
    return found;
  } catch (error) {
    signal.throwIfAborted();
    if (isS3Failure(error, 'refused') && error.status === 400) throw noSnapshots();
    throw endingOfRun(error).error;
  } finally {
    s3.close();
  }
}

async function versionOf(
  at: string | PastTime,
  host: Host,
  list: () => Promise<Snapshot[]>,
): Promise<string> {
  if (typeof at === 'object') {
    const ms = 'agoMs' in at ? host.clock.now() - at.agoMs : at.atMs;
    return String(BigInt(Math.round(ms)) * 1_000_000n);
  }
  if (/^\d{13,20}$/.test(at)) return at;
  const named = (await list()).findLast(({ name }) => name === at);
  if (named !== undefined) return named.version;
  throw new AbortError('no-such-snapshot', `There is no snapshot ${at}.`, {
    exitCode: ExitCode.usage,
    suggestions: ['cloud snapshot list'],
  });
}

function timeOf(version: string): string {
  return new Date(Number(BigInt(version) / 1_000_000n)).toISOString();
}

function noSnapshots(): AbortError {
  return new AbortError('no-snapshots', 'This bucket keeps no earlier versions.', {
    exitCode: ExitCode.failed,
  });
}
