import { AbortError, BugError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count } from '../output/format.ts';
import type { Task } from '../output/tasks.ts';
import type { Host } from '../platform/host.ts';
import { ensureRclone } from '../rclone/install/install.ts';
import { formatDownload } from '../rclone/present-rclone.ts';
import { writeRemote } from '../rclone/config-file.ts';
import type { Rclone } from '../rclone/rclone.ts';
import { ensureBucketKey, type BucketKeyResult } from '../session/bucket-key.ts';
import { foldersOf, rememberFolders, type Folders } from '../session/folders.ts';
import { openSession, type Session } from '../session/open.ts';
import type { SetupMode } from '../session/configuration.ts';
import type { SessionFlags } from '../session/settings.ts';
import { checkFolders } from './check-folders.ts';
import { firstSync, mountNow, type BisyncSummary, type MountSummary } from './first-run.ts';
import { planFirstSync, summarizeFirstSync } from './first-sync-plan.ts';
import { chooseMode } from './mode.ts';
import type { FirstSyncPlan, FirstSyncTarget, SetupDeps, SetupOptions } from './request.ts';

/** What the steps hand on; each is filled in by its step. */
export interface Progress {
  rclone?: Rclone;
  session?: Session;
  key?: BucketKeyResult;
  folders?: Folders;
  mode?: SetupMode;
  firstSyncPlan?: FirstSyncPlan;
  bisync?: BisyncSummary;
  mount?: MountSummary;
}

export function rcloneStep(options: SetupOptions, deps: SetupDeps, progress: Progress): Task {
  const { host, signal } = deps;
  return {
    id: 'rclone',
    title: 'Find rclone',
    run: async (report) => {
      const wanted = { path: options.rclonePath, signal };
      const rclone = await ensureRclone(wanted, host, (event) => {
        if (event.type === 'started') report(`Trying ${event.title} …`);
        else if (event.type === 'passed-over') report(`${event.method}: ${event.reason}`);
        else if (event.type === 'download') report(formatDownload(event), 'passing');
        else report(`existing: ${event.path} (${event.version}) is suitable`);
      });
      progress.rclone = rclone;
      const { mode, cannotMount } = await chooseMode(options.mode, host, rclone);
      progress.mode = mode;
      const found = `${rclone.version} (${ORIGINS[rclone.origin]})`;
      if (cannotMount === undefined) return found;
      return `${found}; a folder will be synced: ${lowerFirst(cannotMount).replace(/\.$/, '')}`;
    },
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

const ORIGINS: Record<Rclone['origin'], string> = {
  flag: 'the one you named',
  environment: 'the one CLOUD_RCLONE names',
  private: 'our private copy',
  path: 'the one of this machine',
};

export function signInStep(options: SetupOptions, deps: SetupDeps, progress: Progress): Task {
  const { host, secrets, signal } = deps;
  return {
    id: 'sign-in',
    title: 'Sign in',
    run: async () => {
      const session = options.newKey ? undefined : await signedIn(options.flags, deps);
      if (session !== undefined) {
        progress.session = session;
        progress.folders = await foldersFor(options, host, session);
        const before = deps.signedInNow === undefined ? 'as before, ' : '';
        return `${before}for ${session.context.tenant.name}`;
      }
      const { context } = await deps.signIn();
      progress.session = await openSession(host, { context }, { secrets, signal });
      // Seen before a key is asked for: a mistake in a path should cost nothing.
      progress.folders = await foldersFor(options, host, progress.session);
      return `for ${progress.session.context.tenant.name}`;
    },
  };
}

/** The session of an earlier run, if the server still knows it. */
async function signedIn(flags: SessionFlags, deps: SetupDeps): Promise<Session | undefined> {
  const { host, secrets, signal } = deps;
  try {
    const session = await openSession(host, flags, { secrets, signal });
    await session.api.me();
    return session;
  } catch (error) {
    const notYet =
      error instanceof AbortError && ['not-set-up', 'unknown-context'].includes(error.code);
    const noMore = error instanceof AbortError && error.exitCode === ExitCode.auth;
    if (notYet || noMore) return undefined;
    throw error;
  }
}

export function keyStep(deps: SetupDeps, progress: Progress): Task {
  return {
    id: 'credentials',
    title: 'Get keys for the bucket',
    run: async () => {
      progress.key = await ensureBucketKey(filled(progress.session), deps.host);
      const { access, how } = progress.key;
      return `${KEY_OUTCOMES[how]} ${access.bucket}`;
    },
  };
}

const KEY_OUTCOMES: Record<BucketKeyResult['how'], string> = {
  issued: 'a new key for',
  replaced: 'a new key, the old one revoked, for',
  reused: "this machine's key for",
};

async function foldersFor(options: SetupOptions, host: Host, session: Session): Promise<Folders> {
  const known = await foldersOf(host, session.context);
  return checkFolders(
    host,
    { sync: options.syncFolder ?? known.sync, mount: options.mountFolder ?? known.mount },
    { contextName: session.context.name, tenantId: session.context.tenant.id },
  );
}

export function configureStep(deps: SetupDeps, progress: Progress): Task {
  return {
    id: 'configure',
    title: 'Configure rclone',
    run: async () => {
      const { access } = filled(progress.key);
      await writeRemote(deps.host, {
        // A bucket's name has only characters that a remote's name may have.
        name: access.bucket,
        endpoint: access.endpoint,
        region: access.region,
      });
      return `for ${access.endpoint}`;
    },
  };
}

function syncTarget(options: SetupOptions, progress: Progress): FirstSyncTarget {
  return {
    access: filled(progress.key).access,
    rclone: filled(progress.rclone),
    root: filled(progress.folders).sync,
    profile: options.profile,
  };
}

export function compareStep(options: SetupOptions, deps: SetupDeps, progress: Progress): Task {
  return {
    id: 'compare',
    title: 'Compare your folder with the bucket',
    run: async () => {
      progress.firstSyncPlan = await planFirstSync(syncTarget(options, progress), deps);
      return summarizeFirstSync(progress.firstSyncPlan);
    },
  };
}

export function startStep(options: SetupOptions, deps: SetupDeps, progress: Progress): Task {
  return {
    id: 'start',
    title: 'Start',
    run: async (report) => {
      const mode = filled(progress.mode);
      const folders = filled(progress.folders);
      const session = filled(progress.session);
      // Only now: a folder that was not agreed to must not become the one that bisync takes.
      await rememberFolders(deps.host, session.context.name, { ...folders, mode });
      const parts: string[] = [];
      if (mode !== 'mount') {
        const summary = await firstSync(syncTarget(options, progress), deps, report);
        progress.bisync = summary;
        parts.push(`${count(summary.files, 'file')} in sync in ${folders.sync}`);
      }
      if (mode !== 'bisync') {
        progress.mount = await mountNow(session, folders.mount, options, deps);
        parts.push(`mounted at ${progress.mount.path}`);
      }
      return parts.join('; ');
    },
  };
}

/** The steps run in order, so what an earlier one fills in is there. */
export function filled<T>(value: T | undefined): T {
  if (value === undefined) throw new BugError('a step of setup ran before the one it stands on');
  return value;
}
