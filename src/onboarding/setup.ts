import { AbortError, BugError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count } from '../output/format.ts';
import type { Task } from '../output/tasks.ts';
import type { Host } from '../platform/host.ts';
import { ensureRclone } from '../rclone/install/install.ts';
import { writeRemote } from '../rclone/config-file.ts';
import type { Rclone } from '../rclone/rclone.ts';
import { ensureBucketKey, type BucketKeyResult } from '../session/bucket-key.ts';
import { foldersOf, rememberFolders, type Folders } from '../session/folders.ts';
import { openSession, type Session } from '../session/open.ts';
import { signIn } from '../session/sign-in.ts';
import type { SessionFlags } from '../session/settings.ts';
import { checkFolders } from './check-folders.ts';
import {
  agreeToUnite,
  firstSync,
  mountNow,
  type BisyncSummary,
  type MountSummary,
} from './first-run.ts';
import { chooseMode, type SetupMode } from './mode.ts';
import type { SetupDeps, SetupOptions } from './request.ts';

export interface SetupResult {
  context: string;
  server: string;
  tenant: { id: string; slug: string; name: string };
  rclone: { path: string; version: string; origin: Rclone['origin'] };
  credential: { id: string; how: BucketKeyResult['how'] };
  bucket: string;
  mode: SetupMode;
  folders: Folders;
  bisync: BisyncSummary | null;
  mount: MountSummary | null;
  /** 3 when some files were not synced, else 0. */
  exitCode: ExitCode;
}

/** What the steps hand on; each is filled in by its step. */
interface Progress {
  rclone?: Rclone;
  session?: Session;
  key?: BucketKeyResult;
  folders?: Folders;
  mode?: SetupMode;
  bisync?: BisyncSummary;
  mount?: MountSummary;
}

export interface Setup {
  /** Touches nothing of the person's. */
  prepare: Task[];
  /** Between the two, when no progress is drawn: asks before files of theirs are synced. */
  agree: () => Promise<void>;
  start: Task[];
  result: () => SetupResult;
}

/**
 * Setup as steps, each of which finds what an earlier, interrupted one has done: running it again
 * goes on. `result` is there once all steps have run.
 */
export function planSetup(options: SetupOptions, deps: SetupDeps): Setup {
  const progress: Progress = {};
  return {
    prepare: [
      rcloneStep(options, deps, progress),
      signInStep(options, deps, progress),
      keyStep(deps, progress),
      configureStep(deps, progress),
    ],
    agree: async () => {
      if (progress.mode === 'mount') return;
      await agreeToUnite(filled(progress.folders).sync, deps);
    },
    start: [startStep(options, deps, progress)],
    result: () => toResult(progress),
  };
}

function rcloneStep(options: SetupOptions, deps: SetupDeps, progress: Progress): Task {
  const { host, signal } = deps;
  return {
    id: 'rclone',
    title: 'Find rclone',
    run: async (report) => {
      const wanted = { path: options.rclonePath, signal };
      const rclone = await ensureRclone(wanted, host, (event) => {
        if (event.type === 'started') report(event.title);
        else if (event.type === 'passed-over') report(`${event.method}: ${event.reason}`);
      });
      progress.rclone = rclone;
      progress.mode = await chooseMode(options.mode, host, rclone);
      return `${rclone.version} (${ORIGINS[rclone.origin]})`;
    },
  };
}

const ORIGINS: Record<Rclone['origin'], string> = {
  flag: 'the one you named',
  environment: 'the one CLOUD_RCLONE names',
  private: 'our private copy',
  path: 'the one of this machine',
};

function signInStep(options: SetupOptions, deps: SetupDeps, progress: Progress): Task {
  const { host, secrets, signal } = deps;
  return {
    id: 'sign-in',
    title: 'Sign in',
    run: async () => {
      const session = options.newKey ? undefined : await signedIn(options.flags, deps);
      if (session !== undefined) {
        progress.session = session;
        progress.folders = await foldersFor(options, host, session);
        return `as before, for ${session.context.tenant.name}`;
      }
      const { context, tenant } = await signIn(
        {
          server: await deps.server(),
          apiKey: await deps.apiKey(),
          contextName: options.flags.context,
          store: options.keepKey,
        },
        host,
        secrets,
      );
      progress.session = await openSession(host, { context }, { secrets, signal });
      // Seen before a key is asked for: a mistake in a path should cost nothing.
      progress.folders = await foldersFor(options, host, progress.session);
      return `for ${tenant.name}`;
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

function keyStep(deps: SetupDeps, progress: Progress): Task {
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
  return checkFolders(host, {
    sync: options.syncFolder ?? known.sync,
    mount: options.mountFolder ?? known.mount,
  });
}

function configureStep(deps: SetupDeps, progress: Progress): Task {
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

function startStep(options: SetupOptions, deps: SetupDeps, progress: Progress): Task {
  return {
    id: 'start',
    title: 'Start',
    run: async (report) => {
      const mode = filled(progress.mode);
      const folders = filled(progress.folders);
      const { access } = filled(progress.key);
      const session = filled(progress.session);
      // Only now: a folder that was not agreed to must not become the one that bisync takes.
      await rememberFolders(deps.host, session.context.name, folders);
      const parts: string[] = [];
      if (mode !== 'mount') {
        const summary = await firstSync(
          { access, rclone: filled(progress.rclone), root: folders.sync, profile: options.profile },
          deps,
          report,
        );
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

function toResult(progress: Progress): SetupResult {
  const { context } = filled(progress.session);
  const { access, how } = filled(progress.key);
  const { path, version, origin } = filled(progress.rclone);
  return {
    context: context.name,
    server: context.server,
    tenant: context.tenant,
    rclone: { path, version, origin },
    credential: { id: access.credentialId, how },
    bucket: access.bucket,
    mode: filled(progress.mode),
    folders: filled(progress.folders),
    bisync: progress.bisync ?? null,
    mount: progress.mount ?? null,
    exitCode: progress.bisync?.exitCode ?? ExitCode.ok,
  };
}

/** The steps run in order, so what an earlier one fills in is there. */
function filled<T>(value: T | undefined): T {
  if (value === undefined) throw new BugError('a step of setup ran before the one it stands on');
  return value;
}
