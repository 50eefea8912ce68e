import { rmdir } from 'node:fs/promises';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count } from '../output/format.ts';
import { ensurePrivateFolder } from '../platform/atomic-file.ts';
import type { Clock } from '../platform/clock.ts';
import { RcError } from '../rclone/rc-client.ts';
import { adapterOf, type MountAdapter } from './adapters.ts';
import { drainUploads, type DrainOptions, type DrainProgress } from './drain.ts';
import type { MountFolders } from './identity.ts';
import { detachMount } from './machine.ts';
import { findMount, readMountTable } from './mount-table.ts';
import { describeOpen, findOpenFiles } from './open-files.ts';
import { scanPending, type PendingFile, type PendingWork } from './pending.ts';
import type { MountRecord } from './record.ts';
import { unsoundFiles } from './recover.ts';
import { mountRequest, type ServedMount } from './serve.ts';

export interface EndOptions {
  clock: Clock;
  platform: NodeJS.Platform;
  /** Undefined when its rclone is gone. */
  served: ServedMount | undefined;
  record: MountRecord;
  folders: MountFolders;
  /** Ends it whatever happens; what is not uploaded by then stays in the cache. */
  force: boolean;
  /** Limit for the uploads in milliseconds. Default: none, or with `force` no waiting at all. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: DrainProgress) => void) | undefined;
}

/** The same with what follows from the record. */
interface Ending extends EndOptions {
  served: ServedMount;
  adapter: MountAdapter;
}

/** How long the cache is looked through for files left to upload, in milliseconds. */
const SCAN_MS = 10_000;
/** How long rclone may take to unmount before it is done without it, in milliseconds. */
const FORCED_CALL_MS = 2000;
/** How long rclone may take to note that a file was closed, in milliseconds. */
const NOTED_WITHIN_MS = 10_000;

/**
 * Unmounts in order: everything is uploaded first, then the folder is unmounted, then whatever
 * was written in between is uploaded too, then rclone ends. The mount stays as it was when this
 * fails or is aborted before the folder is unmounted. A mount that nothing serves any more is
 * only taken away.
 *
 * @returns what stays in the cache for the next mount: nothing, unless it was dead, forced,
 *   read-only, or written at the very end to a storage that went away then
 * @throws AbortError `uploads-pending`, `mount-busy`, `unmount-failed` (13)
 */
export async function endMount(options: EndOptions): Promise<PendingWork> {
  const { served, record, folders, platform } = options;
  const adapter = adapterOf(record.adapter, platform);
  if (served === undefined) {
    if (!(await detachMount(adapter, record.path, platform))) {
      throw stuck(record.path, new Error('the system keeps it mounted'));
    }
  } else {
    await endServed({ ...options, served, adapter }).catch((error: unknown) => {
      throw error instanceof RcError ? notAnswering(record.path, error) : error;
    });
  }
  return scanPending(folders.cache, record.bucket, SCAN_MS);
}

async function endServed(ending: Ending): Promise<void> {
  const { served, force, record, adapter, platform } = ending;
  // Nothing can be uploaded from a read-only mount, so nothing is waited for.
  const uploads = !record.readOnly;
  // Somebody may have unmounted it by hand; then only what was left behind is to do.
  if (!isListed(adapter) || (await isMounted(platform, record.path))) {
    if (!force) await refuseWhileBusy(ending);
    if (uploads) await drain(ending);
    await unmount(ending);
  }
  if (uploads && !force) await settle(ending);
  await served.stop(force ? 2000 : 10_000);
}

/** Uploads what is queued; when forced, as far as it gets in the time given. */
async function drain(options: Ending): Promise<void> {
  if (!options.force) {
    await drainCache(options);
  } else if (options.timeoutMs !== undefined) {
    await drainUploads(options.served.vfs, drainOptions(options)).catch(() => undefined);
  }
}

/**
 * A program's `close` returns before rclone has taken note of it, so a file may become pending
 * after the queue was seen empty. The cache tells: it is drained when nothing in it waits.
 */
async function drainCache(options: Ending): Promise<void> {
  const { clock, folders, signal, record, timeoutMs } = options;
  const end = clock.now() + (timeoutMs ?? Infinity);
  let lastUpload = clock.now();
  const onProgress = (progress: DrainProgress): void => {
    if (progress.pending.length > 0) lastUpload = clock.now();
    options.onProgress?.(progress);
  };
  for (;;) {
    const left = timeoutMs === undefined ? undefined : Math.max(0, end - clock.now());
    await drainUploads(
      options.served.vfs,
      drainOptions({ ...options, timeoutMs: left, onProgress }),
    );
    const { files } = scanPending(folders.cache, record.bucket, SCAN_MS);
    if (files.length === 0) return;
    const now = clock.now();
    if (now >= end || now - lastUpload >= NOTED_WITHIN_MS) throw notQueued(files);
    await clock.sleep(50, signal);
  }
}

/** rclone holds it as not uploaded and does not queue it: some program has it open, unseen by us. */
function notQueued(files: readonly PendingFile[]): AbortError {
  const names = files.slice(0, 5).map(({ name }) => name);
  return new AbortError(
    'uploads-pending',
    `${count(files.length, 'file')} not uploaded, and not about to be: ${names.join(', ')}.`,
    {
      exitCode: ExitCode.mount,
      suggestions: [
        'Nothing is lost, and the folder is still mounted. A program may have them open.',
        'cloud unmount --force   (keeps them on this disk; the next cloud mount uploads them)',
      ],
      details: { pending: files.map(({ name, size }) => ({ name, size, tries: 0 })) },
    },
  );
}

function drainOptions({ clock, timeoutMs, signal, onProgress }: EndOptions): DrainOptions {
  return {
    clock,
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
}

async function unmount(ending: Ending): Promise<void> {
  const { served, adapter, platform, force } = ending;
  const { path } = ending.record;
  try {
    await served.vfs.unmount(path, force ? { timeoutMs: FORCED_CALL_MS } : undefined);
  } catch (error) {
    if (!force) await refuseWhileBusy(ending);
    if (force && (await detachMount(adapter, path, platform))) return;
    throw stuck(path, error);
  }
}

/** Whether the system keeps a list in which its mounts can be seen. */
function isListed(adapter: MountAdapter): boolean {
  return adapter.tableTypes.length > 0;
}

async function isMounted(platform: NodeJS.Platform, path: string): Promise<boolean> {
  return findMount(await readMountTable(platform), path) !== undefined;
}

/**
 * What was written between the last look and the unmounting is uploaded through a mount on an
 * empty folder of our own, where nobody can write any more. If that fails, it stays in the cache.
 */
async function settle(options: Ending): Promise<void> {
  const { served, folders, platform, adapter, record } = options;
  if (scanPending(folders.cache, record.bucket, SCAN_MS).files.length === 0) return;
  if (!(await isWrittenDown(options))) return;
  if (adapter.wantsFolder) await ensurePrivateFolder(folders.drain);
  try {
    const wanted = { adapter, profile: record.settings, readOnly: false };
    const request = await mountRequest(wanted, served.vfs, folders.drain);
    await served.vfs.mount(request);
    await drainCache(options);
  } catch {
    // The caller is told by what is left in the cache.
  } finally {
    await served.vfs
      .unmount(folders.drain)
      .catch(() => detachMount(adapter, folders.drain, platform));
    await rmdir(folders.drain).catch(() => undefined);
  }
}

/**
 * What was closed a moment ago is still being written down by the cache that is ending; another
 * one that began on a half-written note would throw its file away.
 */
async function isWrittenDown({ clock, folders, record }: Ending): Promise<boolean> {
  const deadline = clock.now() + NOTED_WITHIN_MS;
  do {
    await clock.sleep(250);
    if ((await unsoundFiles(folders.cache, record.bucket)).length === 0) return true;
  } while (clock.now() < deadline);
  return false;
}

/** @throws AbortError `mount-busy` (13) naming the files that are open and their processes */
async function refuseWhileBusy({ record: { path }, platform }: Ending): Promise<void> {
  const open = await findOpenFiles(path, platform);
  if (open.length === 0) return;
  const shown = open.slice(0, 5).map((file) => describeOpen(file, path));
  const more = open.length > shown.length ? `, and ${open.length - shown.length} more` : '';
  throw new AbortError('mount-busy', `${path} is in use: ${shown.join('; ')}${more}.`, {
    exitCode: ExitCode.mount,
    suggestions: [
      'Close these files or leave the folder in those programs, then run this again.',
      'cloud unmount --force   (what they have not saved yet would be lost)',
    ],
    details: { open },
  });
}

function notAnswering(path: string, error: RcError): AbortError {
  return new AbortError('mount-hangs', `What serves ${path} has ended or does not answer.`, {
    exitCode: ExitCode.mount,
    suggestions: [
      'It is started again by itself. Nothing is lost: try again in a moment.',
      'cloud unmount --force   (what waits stays on this disk for the next mount)',
    ],
    details: { said: error.message },
    cause: error,
  });
}

function stuck(path: string, error: unknown): AbortError {
  const why = error instanceof Error ? error.message : String(error);
  return new AbortError('unmount-failed', `${path} could not be unmounted: ${why}.`, {
    exitCode: ExitCode.mount,
    suggestions: ['cloud unmount --force'],
    cause: error,
  });
}
