import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { ErrorReport } from '../output/errors.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { isRunning, signalProcess, type ProcessIdentity } from '../platform/processes.ts';
import { askControl, NoAnswerError } from '../control/control.ts';
import type { DrainProgress } from './drain.ts';
import { endMount } from './end.ts';
import { mountFolders } from './identity.ts';
import { DrainEvent, Kept } from './live.ts';
import { resolveMountPoint } from './mount-point.ts';
import { findOpenFiles, type OpenFile } from './open-files.ts';
import type { PendingWork } from './pending.ts';
import { isServed, isSupervised, listRecords, type MountRecord } from './record.ts';
import { RecordKeeper } from './record-keeper.ts';
import { adoptMount, endLeftover } from './serve.ts';

export interface UnmountOptions {
  /** Which mount; needed where there are several. */
  path?: string | undefined;
  force: boolean;
  /** Limit for the uploads, in milliseconds. */
  timeoutMs?: number | undefined;
}

export interface UnmountDeps {
  reportOf: (error: unknown) => ErrorReport;
  signal: AbortSignal;
  onProgress: (progress: DrainProgress) => void;
  /** Gives a mount that can upload nothing without a supervisor another one; else it has to be forced. */
  takeOver?: (record: MountRecord) => Promise<MountRecord>;
}

export interface UnmountResult {
  id: string;
  bucket: string;
  path: string;
  /** What is not in the bucket, but kept on this disk for the next mount. */
  kept: PendingWork;
  /** Files that programs had open when it was forced; what they had not saved is lost. */
  open: OpenFile[];
}

/** How long a supervisor may be silent while it unmounts, in milliseconds. */
const SILENCE_MS = 60_000;
const FORCED_SILENCE_MS = 10_000;

/**
 * Unmounts: asks the supervisor to, or does its work where it has died.
 *
 * @throws AbortError `not-mounted`, `which-mount`, `uploads-pending`, `mount-busy` …
 */
export async function unmount(
  host: Host,
  options: UnmountOptions,
  deps: UnmountDeps,
): Promise<UnmountResult> {
  const selected = await selectMount(host, options.path);
  const { id, bucket, path } = selected;
  // Unsaved work in these is what forcing loses.
  const open = options.force ? await findOpenFiles(path, host.platform) : [];
  const taken = needsSupervisor(selected, options) ? await deps.takeOver?.(selected) : undefined;
  const record = taken ?? selected;
  const kept =
    (await askSupervisor(record, options, deps)) ??
    (await endUnsupervised(host, record, options, deps));
  return { id, bucket, path, kept, open };
}

/** What reaches the storage through its supervisor only, and is to be drained. */
function needsSupervisor(record: MountRecord, { force }: UnmountOptions): boolean {
  return !force && record.rclone?.viaGateway === true && isServed(record) && !isSupervised(record);
}

async function selectMount(host: Host, path: string | undefined): Promise<MountRecord> {
  const active = listRecords(host.places).filter(
    (record) => record.state !== 'unmounted' || isSupervised(record) || isServed(record),
  );
  const wanted = path === undefined ? undefined : await resolveMountPoint(path, host.platform);
  const [first, ...more] = active.filter(
    (record) => wanted === undefined || record.path === wanted,
  );
  if (first === undefined) {
    throw new AbortError('not-mounted', `Nothing is mounted${wanted ? ` at ${wanted}` : ''}.`, {
      exitCode: ExitCode.mount,
      suggestions: ['cloud mount-status'],
    });
  }
  if (more.length === 0) return first;
  throw new AbortError('which-mount', 'There are several mounts; say which.', {
    exitCode: ExitCode.usage,
    suggestions: active.map((record) => `cloud unmount ${record.path}`),
  });
}

/** Undefined when there is no supervisor, or one that does not listen and was to be forced. */
async function askSupervisor(
  record: MountRecord,
  { force, timeoutMs }: UnmountOptions,
  { signal, onProgress }: UnmountDeps,
): Promise<PendingWork | undefined> {
  const { supervisor, control, nonce } = record;
  if (supervisor === null || control === null || !isRunning(supervisor)) return undefined;
  try {
    const limit = timeoutMs === undefined ? {} : { timeoutMs };
    const answer = await askControl(
      control,
      { type: 'unmount', nonce, force, ...limit },
      {
        silenceMs: force ? FORCED_SILENCE_MS + (timeoutMs ?? 0) : SILENCE_MS,
        signal,
        onEvent: (event) => onProgress(DrainEvent.parse(event)),
      },
    );
    await gone(supervisor, 5000);
    return Kept.parse(answer);
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    if (!force) throw hangs(record);
    signalProcess(supervisor, 'SIGKILL');
    await gone(supervisor, 5000);
    return undefined;
  }
}

async function endUnsupervised(
  host: Host,
  record: MountRecord,
  { force, timeoutMs }: UnmountOptions,
  { signal, onProgress, reportOf }: UnmountDeps,
): Promise<PendingWork> {
  const folders = mountFolders(host.places, record.id);
  const lock = await acquireLock(folders.lock, { command: 'cloud unmount', waitMs: 5000 });
  try {
    const served = await adoptMount(record);
    if (served === undefined && isServed(record) && !force) throw hangs(record);
    const { clock, platform } = host;
    const kept = await endMount({
      ...{ clock, platform, folders, served, record, force, timeoutMs, signal, onProgress },
    });
    await endLeftover(record);
    await new RecordKeeper(host, record, reportOf).saveEnded('unmounted');
    return kept;
  } finally {
    lock.release();
  }
}

async function gone(identity: ProcessIdentity, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (isRunning(identity) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function hangs({ path }: MountRecord): AbortError {
  return new AbortError('mount-hangs', `What serves ${path} does not answer.`, {
    exitCode: ExitCode.mount,
    suggestions: [
      `cloud unmount --force ${path}   (what waits stays on this disk for the next mount)`,
    ],
  });
}
