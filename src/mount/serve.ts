import { opendir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { ensurePrivateFolder } from '../platform/atomic-file.ts';
import { systemClock } from '../platform/clock.ts';
import type { Host } from '../platform/host.ts';
import { isRunning, signalProcess, type ProcessIdentity } from '../platform/processes.ts';
import { rcloneEnvironment } from '../rclone/environment.ts';
import { startRcd } from '../rclone/rc.ts';
import { createRcClient, RcError, type RcAddress } from '../rclone/rc-client.ts';
import type { Rclone } from '../rclone/rclone.ts';
import { S3RequestError } from '../s3/errors.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { vfsOptions, type MountAdapter } from './adapters.ts';
import { openBucketObjects } from './bucket-objects.ts';
import { checkCredentials, storageProblem } from './credentials.ts';
import type { Gateway } from './gateway/gateway.ts';
import type { MountFolders } from './identity.ts';
import { detachMount } from './machine.ts';
import { isDrive, uncoverMountPoint } from './mount-point.ts';
import { findMount, readMountTable } from './mount-table.ts';
import type { MountProfile } from './profiles.ts';
import type { MountRecord } from './record.ts';
import { recoverCache, type RecoveredFile } from './recover.ts';
import { openVfs, REMOTE, type MountRequest, type Vfs } from './vfs.ts';

/** The process that serves a mount, and how to reach it. */
export interface ServingRclone {
  identity: ProcessIdentity;
  address: RcAddress;
  version: string;
  binary: string;
  /** It reaches the storage through this process, and not without. */
  viaGateway: boolean;
}

/** A bucket that an rclone serves at a folder, started by this process or by one before it. */
export interface ServedMount extends ServingRclone {
  vfs: Vfs;
  /** Resolves when that rclone is gone. Never rejects. */
  exited: Promise<void>;
  /** Works with these keys from now on; undefined where only another rclone can. */
  useKeys?: (access: BucketAccess) => void;
  /** Ends that rclone, and kills it when it does not end within this time in milliseconds. */
  stop(withinMs?: number): Promise<void>;
}

export interface ServeOptions {
  host: Host;
  rclone: Rclone;
  adapter: MountAdapter;
  access: BucketAccess;
  profile: MountProfile;
  readOnly: boolean;
  path: string;
  folders: MountFolders;
  /** Called before anything is mounted, so that whoever comes after a crash finds the process. */
  onStarted?: (rclone: ServingRclone) => Promise<void>;
  onStep?: (step: 'checking' | 'mounting') => void;
  onRecovered?: (files: readonly RecoveredFile[]) => void;
  /** Something went wrong between rclone and the storage that rclone will try again. */
  onTrouble?: (what: string, error: unknown) => void;
}

/** How long one call to rclone may take before it counts as hanging, in milliseconds. */
const CALL_TIMEOUT_MS = 20_000;
/** How long the first look into the folder may take. */
const READY_WITHIN_MS = 30_000;

/**
 * Starts rclone, hands it the keys in memory, sees that the storage takes them, mounts, and
 * returns when the folder can be read.
 *
 * @throws AbortError `credentials-refused` (4), `storage-unreachable` (5), `rclone-daemon` (12),
 *   `mount-failed` (13); nothing is left running or mounted then
 */
export async function serveMount(options: ServeOptions): Promise<ServedMount> {
  const gateway = await gatewayFor(options);
  try {
    return await serveThrough(gateway, options);
  } catch (error) {
    await gateway?.close();
    throw error;
  }
}

/** What keeps copies stands between rclone and the storage; other mounts need nothing there. */
async function gatewayFor(options: ServeOptions): Promise<Gateway | undefined> {
  const { access, host, profile, readOnly, onTrouble } = options;
  if (profile.versionDays === 0 || readOnly) return undefined;
  const { startGateway } = await import('./gateway/gateway.ts');
  return startGateway(access, {
    clock: host.clock,
    versionDays: profile.versionDays,
    onError: onTrouble ?? (() => undefined),
  });
}

async function serveThrough(
  gateway: Gateway | undefined,
  options: ServeOptions,
): Promise<ServedMount> {
  const { host, rclone, access, path, folders } = options;
  await ensurePrivateFolder(folders.cache);
  const daemon = await startRcd(rclone, {
    socketFolder: folders.root,
    env: rcloneEnvironment(host.env),
    cacheDir: folders.cache,
    outliveWithLog: folders.rcloneLog,
    transfers: options.profile.transfers,
    holdOpen: gateway?.listener,
  });
  const serving: ServingRclone = {
    ...{ identity: daemon.identity, address: daemon.address },
    ...{ version: rclone.version, binary: rclone.path, viaGateway: gateway !== undefined },
  };
  try {
    await options.onStarted?.(serving);
    await daemon.configCreate(REMOTE, gateway?.remote ?? access);
    const vfs = openVfs(daemon, access.bucket, CALL_TIMEOUT_MS);
    await vfs.hideOwnFiles();
    options.onStep?.('checking');
    await checkCredentials(vfs, access);
    await recover(vfs, options);
    options.onStep?.('mounting');
    const cover = options.adapter.wantsFolder
      ? await uncoverMountPoint(path)
      : () => Promise.resolve();
    try {
      await vfs.mount(await mountRequest(options, vfs, path));
    } finally {
      await cover();
    }
    await readable(options);
    return {
      ...serving,
      vfs,
      exited: daemon.exited.then(() => gateway?.close()),
      ...(gateway === undefined ? {} : { useKeys: (keys) => gateway.use(keys) }),
      stop: (withinMs) => daemon.stop(withinMs),
    };
  } catch (error) {
    await daemon.stop(2000);
    await detachMount(options.adapter, path, host.platform);
    throw error instanceof AbortError ? error : mountFailed(error, folders);
  }
}

async function recover(
  vfs: Vfs,
  { access, folders, host, onRecovered }: ServeOptions,
): Promise<void> {
  const cached = { cache: folders.cache, bucket: access.bucket, clock: host.clock };
  const objects = openBucketObjects(vfs, access);
  const found = await recoverCache(objects, cached).catch((error: unknown) => {
    const ofStorage = error instanceof RcError || error instanceof S3RequestError;
    throw ofStorage ? storageProblem(error, access) : error;
  });
  if (found.length > 0) onRecovered?.(found);
}

/** The same mount at another folder of ours, to upload what was left when people's was gone. */
export async function mountRequest(
  options: Pick<ServeOptions, 'adapter' | 'profile' | 'readOnly'>,
  vfs: Vfs,
  mountPoint: string,
): Promise<MountRequest> {
  const known = await vfs.mountTypes();
  const mountType = options.adapter.mountTypes.find((type) => known.includes(type));
  if (mountType === undefined) {
    throw new AbortError('cannot-mount', 'This rclone cannot mount in the way this system does.', {
      exitCode: ExitCode.rclone,
      suggestions: ['cloud rclone install'],
      details: { wanted: options.adapter.mountTypes, known },
    });
  }
  return {
    mountPoint,
    mountType,
    vfsOpt: vfsOptions(options.profile, options.readOnly),
    // rclone shifts a file's time when it is closed. With rclone's default of a second the kernel goes on
    // showing the time from before, and editors take their own save for somebody else's.
    mountOpt: { ...options.adapter.mountOptions(mountPoint), AttrTimeout: '0s' },
  };
}

/**
 * The rclone of a record whose supervisor has died, if it still serves the folder; undefined when
 * it does not. Programs that have files open there notice nothing. One that reaches the storage
 * through its supervisor is of no use without it, and is started again.
 */
export async function adoptMount(record: MountRecord): Promise<ServedMount | undefined> {
  const { rclone } = record;
  if (rclone === null || rclone.viaGateway || !isRunning(rclone)) return undefined;
  const { address, version, path: binary } = rclone;
  const identity = { pid: rclone.pid, startedAt: rclone.startedAt };
  const vfs = openVfs(createRcClient(address), record.bucket, CALL_TIMEOUT_MS);
  const served = await vfs.mountPoints().catch((): string[] => []);
  if (!served.includes(record.path)) return undefined;
  return {
    ...{ vfs, identity, address, version, binary, viaGateway: false },
    exited: goneWhen(identity),
    stop: (withinMs = 10_000) => endProcess(identity, withinMs),
  };
}

/** Ends what is left of a recorded rclone that serves nothing any more. */
export async function endLeftover(record: MountRecord): Promise<void> {
  if (record.rclone !== null) await endProcess(record.rclone, 3000);
}

/** Ends a process by its recorded identity: asked first, killed when it does not listen. */
async function endProcess(identity: ProcessIdentity, withinMs: number): Promise<void> {
  const deadline = systemClock.now() + withinMs;
  signalProcess(identity, 'SIGTERM');
  while (isRunning(identity)) {
    if (systemClock.now() >= deadline) signalProcess(identity, 'SIGKILL');
    await systemClock.sleep(20);
  }
}

/** Another process's child cannot be waited for; its identity can be looked at. */
async function goneWhen(identity: ProcessIdentity): Promise<void> {
  // Unreferenced: a command that has said what it had to say need not wait for this.
  while (isRunning(identity)) await delay(250, undefined, { ref: false });
}

/** Mounted means: the system lists it, and a look inside gets an answer. */
async function readable({ host, adapter, path, folders }: ServeOptions): Promise<void> {
  const entry = findMount(await readMountTable(host.platform), path);
  if (adapter.tableTypes.length > 0 && !adapter.tableTypes.includes(entry?.type ?? '')) {
    throw mountFailed(new Error('the system does not list the mount'), folders);
  }
  // A bare drive letter means that drive's current folder.
  const look = opendir(isDrive(path) ? `${path}\\` : path).then(async (folder) => {
    await folder.read();
    await folder.close();
  });
  const limit = AbortSignal.timeout(READY_WITHIN_MS);
  await Promise.race([
    look,
    new Promise<never>((_, reject) => {
      limit.addEventListener('abort', () => reject(new Error('the folder does not answer')));
    }),
  ]);
}

function mountFailed(error: unknown, folders: MountFolders): AbortError {
  const why = error instanceof Error ? error.message : String(error);
  return new AbortError('mount-failed', `The bucket could not be mounted: ${why}.`, {
    exitCode: ExitCode.mount,
    suggestions: [`What rclone said is in ${folders.rcloneLog}.`],
    cause: error,
  });
}
