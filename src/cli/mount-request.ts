import type { Host } from '../platform/host.ts';
import type { Log } from '../output/log.ts';
import { chosenProfile } from '../mount/admit.ts';
import { launchMount, mountInForeground } from '../mount/launch.ts';
import type { MountRecord } from '../mount/record.ts';
import type { StartStep } from '../mount/start.ts';
import type { UnmountResult } from '../mount/unmount.ts';
import { inHome } from '../platform/places.ts';
import { foldersOf } from '../session/folders.ts';
import { openSession } from '../session/open.ts';
import { mountSession } from './mount-keys.ts';
import { mountSupervisor } from './mount-supervisor.ts';
import { reportOf } from './report.ts';

interface MountFlags {
  profile?: string | undefined;
  path?: string | undefined;
  'read-only': boolean;
  foreground: boolean;
  rclone?: string | undefined;
  context?: string | undefined;
  server?: string | undefined;
}

interface MountRun {
  host: Host;
  signal: AbortSignal;
  log: Log;
  onStep: (step: StartStep) => void;
  /** Only in the foreground, where the call returns at the end. */
  onMounted: (record: MountRecord) => void;
  onUnmounted: (result: UnmountResult) => void;
}

/** Mounts the bucket of the context that the flags name, in the background or in this process. */
export async function mountContext(flags: MountFlags, run: MountRun): Promise<MountRecord> {
  const { host, signal, log, onStep, onMounted, onUnmounted } = run;
  const { context, server } = flags;
  // Said before anything is opened or asked for: the mistake is in the command line.
  await chosenProfile(host, flags.profile);
  const session = await openSession(host, { context, server }, { signal });
  const { mount, sync } = await foldersOf(host, session.context);
  const options = {
    path: inHome(flags.path, host.places),
    defaultPath: mount,
    syncFolder: sync,
    profile: flags.profile,
    readOnly: flags['read-only'],
  };
  const { keys, changes } = mountSession(host, { context: session.context.name });
  if (flags.foreground) {
    return mountInForeground(host, options, {
      ...{ keys, changes, reportOf, log, signal, rclonePath: flags.rclone },
      report: (report) => {
        if (report.type === 'step') onStep(report.step);
        else if (report.type === 'mounted') onMounted(report.record);
        else if (report.type === 'unmounted') onUnmounted(report.result);
      },
    });
  }
  const supervisor = mountSupervisor(flags.rclone);
  return launchMount(host, options, { bucketAccess: keys.stored, supervisor, signal, onStep });
}

/** Gives a mount whose supervisor has died another one. */
export async function takeOverMount(
  host: Host,
  record: MountRecord,
  signal: AbortSignal,
): Promise<MountRecord> {
  const { context, path, profile, readOnly } = record;
  const { keys } = mountSession(host, { context });
  const options = { path, defaultPath: path, profile, readOnly };
  const supervisor = mountSupervisor(record.rclone?.path);
  return launchMount(host, options, { bucketAccess: keys.stored, supervisor, signal });
}
