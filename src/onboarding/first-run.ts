import { runBisync } from '../bisync/run.ts';
import { launchMount } from '../mount/launch.ts';
import { AbortError } from '../output/errors.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { progressText, type Report } from '../output/tasks.ts';
import type { Session } from '../session/open.ts';
import type { FirstSyncTarget, SetupDeps, SetupOptions } from './request.ts';

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
  target: FirstSyncTarget,
  deps: SetupDeps,
  report: Report,
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
        report(progressText('Moving', done, total), 'passing');
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
