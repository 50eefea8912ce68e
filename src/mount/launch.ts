import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { AbortError, type ErrorReport } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { ensurePrivateFolder } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { admitMount, type MountOptions } from './admit.ts';
import { abortErrorOf, ErrorShape } from '../control/control.ts';
import { mountFolders, mountsFolder } from './identity.ts';
import { MountRecord, readRecord } from './record.ts';
import type { StartStep } from './start.ts';
import type { SupervisorDeps, SupervisorReport } from './supervisor-deps.ts';
import { superviseMount } from './supervisor.ts';

export interface LaunchDeps {
  bucketAccess: () => Promise<BucketAccess>;
  /** How a supervisor is started; the mount's id is appended to the arguments. */
  supervisor: { command: string; args: readonly string[] };
  signal?: AbortSignal;
  onStep?: (step: StartStep) => void;
}

/** What a supervisor tells the command that started it, over Node's channel between processes. */
export type SupervisorMessage = SupervisorReport | { type: 'failed'; error: ErrorReport };

const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('claimed') }),
  z.object({ type: z.literal('step'), step: z.enum(['checking', 'mounting', 'adopted']) }),
  z.object({ type: z.literal('mounted'), record: MountRecord }),
  z.object({ type: z.literal('failed'), error: ErrorShape }),
]);

/** How long another launch may take before this one gives up waiting for it, in milliseconds. */
const LAUNCH_LOCK_MS = 30_000;

/**
 * Mounts a bucket and returns when its folder can be used. What does the work, the supervisor, is
 * a process of its own that goes on after this one has ended.
 *
 * @throws AbortError with what hinders it; nothing is left mounted then
 */
export async function launchMount(
  host: Host,
  options: MountOptions,
  deps: LaunchDeps,
): Promise<MountRecord> {
  const access = await deps.bucketAccess();
  return admitted(host, access, options, async (record, claimed) => {
    const folders = mountFolders(host.places, record.id);
    await ensurePrivateFolder(folders.root);
    const log = openSync(folders.log, 'a', 0o600);
    try {
      const child = spawn(deps.supervisor.command, [...deps.supervisor.args, record.id], {
        detached: true,
        cwd: '/',
        // It works with the stored key of the bucket; who may ask the server is not its business.
        env: { ...host.env, CLOUD_TOKEN: undefined },
        stdio: ['ignore', log, log, 'ipc'],
        windowsHide: true,
      });
      return await mounted(child, deps, claimed, folders.log);
    } finally {
      closeSync(log);
    }
  });
}

/** The same in this very process, which then serves the mount until it is ended. */
export async function mountInForeground(
  host: Host,
  options: MountOptions,
  deps: SupervisorDeps,
): Promise<MountRecord> {
  const access = await deps.keys.stored();
  return admitted(host, access, options, async (record, claimed) => {
    await superviseMount(host, record.id, {
      ...deps,
      report: (report) => {
        if (report.type === 'claimed') claimed();
        deps.report(report);
      },
    });
    return readRecord(host.places, record.id) ?? record;
  });
}

/** One launch at a time, until the new supervisor can be seen by the next one. */
async function admitted<T>(
  host: Host,
  access: BucketAccess,
  options: MountOptions,
  run: (record: MountRecord, claimed: () => void) => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(join(mountsFolder(host.places), 'launch.lock'), {
    command: 'cloud mount',
    waitMs: LAUNCH_LOCK_MS,
    clock: host.clock,
  });
  try {
    const record = await admitMount(host, access, options);
    return await run(record, () => lock.release());
  } finally {
    lock.release();
  }
}

/** Until the supervisor says that it is mounted, fails, or ends without a word. */
function mounted(
  child: ChildProcess,
  { signal, onStep }: LaunchDeps,
  claimed: () => void,
  log: string,
): Promise<MountRecord> {
  return new Promise((resolve, reject) => {
    const interrupt = (): void => {
      // The handle is ours and unreaped, so no other process can have this pid.
      child.kill('SIGTERM');
      finish(() => reject(signal?.reason as Error));
    };
    const finish = (end: () => void): void => {
      signal?.removeEventListener('abort', interrupt);
      if (child.connected) child.disconnect();
      child.removeAllListeners();
      child.unref();
      end();
    };
    signal?.addEventListener('abort', interrupt, { once: true });
    child.on('message', (raw) => {
      const parsed = Message.safeParse(raw);
      // Unmounted already: the process ends next, and then that is told.
      if (!parsed.success) return;
      const message = parsed.data;
      if (message.type === 'claimed') claimed();
      else if (message.type === 'step') onStep?.(message.step);
      else if (message.type === 'mounted') finish(() => resolve(message.record));
      else finish(() => reject(abortErrorOf(message.error)));
    });
    child.once('error', (error) => finish(() => reject(error)));
    child.once('exit', () => finish(() => reject(silentEnd(log))));
  });
}

function silentEnd(log: string): AbortError {
  return new AbortError('mount-failed', 'The process that should serve the mount has ended.', {
    exitCode: ExitCode.mount,
    suggestions: [`What it said is in ${log}.`],
  });
}
