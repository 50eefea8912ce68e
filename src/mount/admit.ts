import { randomBytes } from 'node:crypto';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { readConfiguration } from '../session/configuration.ts';
import { adapterOf } from './adapters.ts';
import { mountId } from './identity.ts';
import { detachMount, isOfKind } from './machine.ts';
import { checkFreeMountPoint, checkMountPoint, resolveMountPoint } from './mount-point.ts';
import { findMount, readMountTable } from './mount-table.ts';
import { DEFAULT_PROFILE, findProfile, type MountProfile } from './profiles.ts';
import {
  isServed,
  isSupervised,
  listRecords,
  readRecord,
  writeRecord,
  type MountRecord,
} from './record.ts';
import { overlap } from '../platform/paths.ts';
import { platformOf } from '../platform/platform.ts';

export interface MountOptions {
  /** What the person asked for. */
  path?: string | undefined;
  /** Where it is mounted otherwise, unless a mount that died was somewhere else. */
  defaultPath: string;
  /** A folder that is synced with the same bucket. */
  syncFolder?: string;
  profile?: string | undefined;
  readOnly: boolean;
}

/**
 * The profile of that name, of the product's or the person's own; by default `balanced`.
 *
 * @throws AbortError `unknown-profile` (2), `bad-profile` (78)
 */
export async function chosenProfile(host: Host, name: string | undefined): Promise<MountProfile> {
  const own = (await readConfiguration(host)).profiles?.mount ?? {};
  return findProfile(name ?? DEFAULT_PROFILE, own);
}

/**
 * Decides whether a bucket may be mounted at a folder now, and writes the record that a supervisor
 * then works by. The caller holds the launch lock.
 *
 * @throws AbortError `already-mounted`, `mount-overlap`, `mount-point` (13), `unknown-profile` (2)
 */
export async function admitMount(
  host: Host,
  access: BucketAccess,
  options: MountOptions,
): Promise<MountRecord> {
  const id = mountId(access);
  const profile = await chosenProfile(host, options.profile);
  const before = readRecord(host.places, id);
  if (before !== undefined && isSupervised(before)) throw alreadyMounted(before);
  const orphan = before !== undefined && isServed(before) ? before : undefined;
  const path = await wantedPath(host, options, before, orphan);
  refuseOverlap(host, id, path);
  if (options.syncFolder !== undefined) await refuseInSyncFolder(path, options.syncFolder);
  await checkFolder(host, path, before);
  if (before !== undefined && before.path !== path) await clearAway(host, before);
  const record: MountRecord = {
    version: 1,
    id,
    nonce: randomBytes(16).toString('hex'),
    context: access.contextName,
    server: access.server,
    tenant: access.tenant,
    bucket: access.bucket,
    credentialId: orphan?.credentialId ?? null,
    credentialExpiresAt: access.expiresAt,
    path,
    // What is taken over goes on as it was mounted.
    profile: orphan?.profile ?? profile.name,
    settings: orphan?.settings ?? profile,
    readOnly: orphan?.readOnly ?? options.readOnly,
    tells: before?.tells ?? false,
    state: 'mounting',
    since: new Date(host.clock.now()).toISOString(),
    supervisor: null,
    control: null,
    rclone: before?.rclone ?? null,
    adapter: before?.adapter ?? null,
    problem: null,
    recovered: orphan?.recovered ?? [],
  };
  await writeRecord(host.places, record);
  return record;
}

async function wantedPath(
  { platform }: Host,
  options: MountOptions,
  before: MountRecord | undefined,
  orphan: MountRecord | undefined,
): Promise<string> {
  if (options.path === undefined) {
    if (before !== undefined && (orphan !== undefined || before.state !== 'unmounted')) {
      return before.path;
    }
    return resolveMountPoint(options.defaultPath, platform);
  }
  const path = await resolveMountPoint(options.path, platform);
  if (orphan !== undefined && orphan.path !== path) throw alreadyMounted(orphan);
  return path;
}

function refuseOverlap(host: Host, id: string, path: string): void {
  const other = listRecords(host.places).find(
    (record) =>
      record.id !== id && (isSupervised(record) || isServed(record)) && overlap(record.path, path),
  );
  if (other === undefined) return;
  throw new AbortError(
    'mount-overlap',
    `${path} overlaps ${other.path}, where ${other.bucket} is mounted.`,
    {
      exitCode: ExitCode.mount,
      suggestions: ['Choose another folder with --path.', `cloud unmount ${other.path}`],
      details: describe(other),
    },
  );
}

async function refuseInSyncFolder(path: string, syncFolder: string): Promise<void> {
  const folder = await resolveMountPoint(syncFolder);
  if (!overlap(folder, path)) return;
  throw new AbortError('mount-overlap', `${path} overlaps ${folder}, which is synced.`, {
    exitCode: ExitCode.mount,
    suggestions: [
      'Choose another folder with --path: the bucket would be synced with itself there.',
    ],
    details: { path, syncFolder: folder },
  });
}

/** What died at another folder is taken away; its cache belongs to the bucket and is kept. */
async function clearAway({ platform }: Host, before: MountRecord): Promise<void> {
  if (before.state === 'unmounted') return;
  await detachMount(adapterOf(before.adapter, platform), before.path, platform);
}

/** A mount of ours that died there is cleared away later, by its supervisor. */
async function checkFolder(
  host: Host,
  path: string,
  before: MountRecord | undefined,
): Promise<void> {
  const found = findMount(await readMountTable(host.platform), path);
  if (found === undefined) {
    await (platformOf(host.platform).unix ? checkMountPoint(path) : checkFreeMountPoint(path));
    return;
  }
  const died = before?.path === path && before.state !== 'unmounted';
  if (died && isOfKind(adapterOf(before.adapter, host.platform), found)) return;
  throw new AbortError(
    'mount-point',
    `Something else is mounted at ${path} already (${found.type}).`,
    {
      exitCode: ExitCode.mount,
      suggestions: ['Choose another folder with --path.'],
      details: { path, type: found.type },
    },
  );
}

function alreadyMounted(record: MountRecord): AbortError {
  return new AbortError(
    'already-mounted',
    `${record.bucket} is mounted at ${record.path} already (${record.profile}, ${record.state}).`,
    {
      exitCode: ExitCode.mount,
      suggestions: ['cloud mount-status', `cloud unmount ${record.path}`],
      details: describe(record),
    },
  );
}

function describe(record: MountRecord): Record<string, unknown> {
  const { id, bucket, path, profile, state, since, supervisor } = record;
  return { id, bucket, path, profile, state, since, pid: supervisor?.pid ?? null };
}
