import type { Host } from '../platform/host.ts';
import { findRclone } from '../rclone/find.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { chooseAdapter, type MountAdapter } from './adapters.ts';
import type { MountFolders } from './identity.ts';
import { detachMount, probeMachine } from './machine.ts';
import { checkFreeMountPoint, checkMountPoint } from './mount-point.ts';
import type { RecordKeeper } from './record-keeper.ts';
import type { MountRecord } from './record.ts';
import type { RecoveredFile } from './recover.ts';
import {
  adoptMount,
  endLeftover,
  serveMount,
  type ServedMount,
  type ServingRclone,
} from './serve.ts';

/** - `adopted`: an rclone was still serving it, and has a supervisor again */
export type StartStep = 'checking' | 'mounting' | 'adopted';

export interface StartOptions {
  folders: MountFolders;
  bucketAccess: () => Promise<BucketAccess>;
  /** From `--rclone`. */
  rclonePath: string | undefined;
  /** Whether an rclone that still serves the folder is taken over. */
  adopt: boolean;
  onStep: (step: StartStep) => void;
  /** Cached files that rclone would have deleted; see `recoverCache`. */
  onRecovered: (files: readonly RecoveredFile[]) => void;
  onTrouble: (what: string, error: unknown) => void;
}

/**
 * Mounts what the record says, or takes over what a dead supervisor left running, and notes it in
 * the record.
 *
 * @throws AbortError what `findRclone`, `chooseAdapter`, `checkMountPoint`, `serveMount` throw
 */
export async function startMount(
  host: Host,
  keeper: RecordKeeper,
  options: StartOptions,
): Promise<ServedMount> {
  const adopted = options.adopt ? await adoptMount(keeper.record) : undefined;
  if (adopted !== undefined) options.onStep('adopted');
  const served = adopted ?? (await startAnew(host, keeper, options));
  await keeper.save({ state: 'mounted', rclone: recorded(served), problem: null });
  return served;
}

function recorded(serving: ServingRclone): MountRecord['rclone'] {
  const { identity, address, version, binary, viaGateway } = serving;
  return { ...identity, address, version, path: binary, viaGateway };
}

async function startAnew(
  host: Host,
  keeper: RecordKeeper,
  { folders, bucketAccess, rclonePath, onStep, onRecovered, onTrouble }: StartOptions,
): Promise<ServedMount> {
  const rclone = await findRclone(rclonePath === undefined ? {} : { path: rclonePath }, host);
  const adapter = chooseAdapter(await probeMachine(host, rclone.capabilities));
  await clearPath(host, keeper, adapter, folders);
  const access = await bucketAccess();
  const readOnly = keeper.record.readOnly || access.permission === 'ro';
  const { kind, reason } = adapter;
  await keeper.save({
    ...{ readOnly, adapter: { kind, reason } },
    ...{ credentialId: access.credentialId, credentialExpiresAt: access.expiresAt },
  });
  return serveMount({
    ...{ host, rclone, adapter, access, readOnly, folders, onStep, onRecovered, onTrouble },
    profile: keeper.record.settings,
    path: keeper.record.path,
    onStarted: (started) => keeper.save({ rclone: recorded(started) }),
  });
}

/** Whatever died here before is taken away, so that the folder can be looked at. */
async function clearPath(
  { platform }: Host,
  keeper: RecordKeeper,
  adapter: MountAdapter,
  folders: MountFolders,
): Promise<void> {
  const { path } = keeper.record;
  await endLeftover(keeper.record);
  for (const folder of [path, folders.drain]) {
    await detachMount(adapter, folder, platform);
  }
  await (adapter.wantsFolder ? checkMountPoint(path) : checkFreeMountPoint(path));
}
