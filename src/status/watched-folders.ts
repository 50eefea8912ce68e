import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PairState } from '../bisync/states.ts';
import { summarizeView } from '../bisync/watch/present-watch.ts';
import type { WatchView } from '../bisync/watch/watcher.ts';
import { presentStatus } from '../mount/present-mount.ts';
import { mountStatus, type MountStatus } from '../mount/status.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import type { Host } from '../platform/host.ts';

/** A folder that some process keeps in sync with a bucket right now. */
export interface WatchedFolder {
  root: string;
  bucket: string;
  pid: number;
  /** Null when the watcher does not answer. */
  state: PairState | null;
  view: WatchView | null;
}

export interface MountReport extends MountStatus {
  /** The watched folder of the same bucket, where there is one. */
  watched: Omit<WatchedFolder, 'view' | 'bucket'> | null;
}

export interface MountReports {
  mounts: MountReport[];
  watched: WatchedFolder[];
}

/** How the mounts stand, and the watchers beside them. Offline, within a second. */
export async function mountReports(host: Host): Promise<MountReports> {
  const [mounts, watched] = await Promise.all([mountStatus(host), watchedFolders(host)]);
  return {
    watched,
    mounts: mounts.map((mount) => {
      const same = watched.find(({ bucket }) => bucket === mount.bucket);
      if (same === undefined) return { ...mount, watched: null };
      const { root, pid, state } = same;
      return { ...mount, watched: { root, pid, state } };
    }),
  };
}

async function watchedFolders(host: Host): Promise<WatchedFolder[]> {
  // Whoever only mounts does not wait for what syncing needs to be loaded.
  if (!existsSync(join(host.places.state, 'pairs'))) return [];
  const { pairFolder, readPairs } = await import('../bisync/pair.ts');
  const { watcherReport } = await import('../bisync/watch/ask-watcher.ts');
  const pairs = await readPairs(host);
  const found = await Promise.all(
    pairs.map(async ({ id, root, bucket }): Promise<WatchedFolder[]> => {
      const watcher = await watcherReport(pairFolder(host, id));
      if (watcher === undefined) return [];
      const { pid, view } = watcher;
      return [{ root, bucket, pid, state: view?.state ?? null, view }];
    }),
  );
  return found.flat();
}

export function presentMountReports(
  { mounts, watched }: MountReports,
  out: Output,
  now: number,
): string {
  const folders = watched.map(({ root, bucket, pid, view }) =>
    formatFields([
      ['Watched', root],
      ['Bucket', bucket],
      [
        'State',
        view === null ? `process ${pid} does not answer` : `${view.state}: ${view.message}`,
      ],
      ['Changes', view === null ? undefined : summarizeView(view, now)],
    ]),
  );
  return [presentStatus(mounts, out, now), ...folders].join('\n\n');
}
