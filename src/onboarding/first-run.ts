import { readdir } from 'node:fs/promises';
import { runBisync } from '../bisync/run.ts';
import { readPairs } from '../bisync/pair.ts';
import { launchMount } from '../mount/launch.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count } from '../output/format.ts';
import { progressText } from '../output/tasks.ts';
import { isErrno } from '../platform/atomic-file.ts';
import type { Rclone } from '../rclone/rclone.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import type { Session } from '../session/open.ts';
import type { SetupDeps, SetupOptions } from './request.ts';

export interface BisyncSummary {
  path: string;
  /** Files that are the same on both sides now. */
  files: number;
  uploaded: number;
  downloaded: number;
  conflicts: number;
  /** Paths that could not be synced. */
  problems: number;
  exitCode: ExitCode;
}

export interface MountSummary {
  path: string;
  profile: string;
}

/** The first sync, or any later one when setup is run again. */
export async function firstSync(
  target: {
    access: BucketAccess;
    rclone: Rclone;
    root: string;
    profile: SetupOptions['profile'];
  },
  deps: SetupDeps,
  report: (detail: string) => void,
): Promise<BisyncSummary> {
  let done = 0;
  let total = 0;
  const result = await runBisync(
    {
      access: target.access,
      rclone: target.rclone,
      localRoot: target.root,
      profile: target.profile ?? 'balanced',
      command: 'cloud setup',
      signal: deps.signal,
    },
    deps.host,
    (event) => {
      if (event.type === 'planned') total = event.actions;
      else if (event.type === 'uploaded' || event.type === 'downloaded') {
        done += 1;
        report(progressText('Moving', done, total));
      }
    },
  );
  const { counts } = result;
  return {
    path: result.root,
    files: counts.unchanged + counts.uploaded + counts.downloaded,
    uploaded: counts.uploaded,
    downloaded: counts.downloaded,
    conflicts: counts.conflicts,
    problems: result.problems.length,
    exitCode: result.exitCode,
  };
}

/**
 * Says what the first sync does with a folder that is not empty, before it is done.
 *
 * @throws AbortError `not-confirmed` (2) when a person says no
 */
export async function agreeToUnite(root: string, deps: SetupDeps): Promise<void> {
  const names = await namesIn(root);
  if (names.length === 0 || (await readPairs(deps.host)).some((pair) => pair.root === root)) return;
  const agreed = await deps.confirm(
    `${root} is not empty (${count(names.length, 'entry', 'entries')}). The first sync unites it with the bucket: ` +
      'nothing is deleted, and where both have a file that differs, both versions are kept.',
  );
  if (agreed) return;
  throw new AbortError('not-confirmed', 'Nothing was synced.', {
    exitCode: ExitCode.usage,
    suggestions: ['Choose another folder: cloud setup --path FOLDER'],
  });
}

async function namesIn(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (error) {
    // Absent is empty; what is no folder is the sync's to refuse.
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** Mounts; a mount of this bucket at this folder that runs already is what was wanted. */
export async function mountNow(
  session: Session,
  path: string,
  options: Pick<SetupOptions, 'profile'>,
  deps: SetupDeps,
): Promise<MountSummary> {
  try {
    const record = await launchMount(
      deps.host,
      { path, defaultPath: path, profile: options.profile, readOnly: false },
      {
        bucketAccess: () => session.bucketAccess(),
        supervisor: deps.mountSupervisor,
        signal: deps.signal,
      },
    );
    return { path: record.path, profile: record.profile };
  } catch (error) {
    if (!(error instanceof AbortError) || error.code !== 'already-mounted') throw error;
    if (error.details['path'] !== path) throw error;
    const { profile } = error.details;
    return { path, profile: typeof profile === 'string' ? profile : 'balanced' };
  }
}
