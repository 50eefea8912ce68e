import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { mountId } from './identity.ts';
import { checkMountPoint, overlap, resolveMountPoint } from './mount-point.ts';
import { findMount, readMountTable } from './mount-table.ts';
import { DEFAULT_PROFILE, findProfile } from './profiles.ts';
import {
  isServed,
  isSupervised,
  listRecords,
  readRecord,
  writeRecord,
  type MountRecord,
} from './record.ts';

export interface MountOptions {
  /** Default: `~/CloudMount/<tenant>`. */
  path?: string | undefined;
  profile?: string | undefined;
  readOnly: boolean;
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
  const profile = findProfile(options.profile ?? DEFAULT_PROFILE);
  const before = readRecord(host.places, id);
  if (before !== undefined && isSupervised(before)) throw alreadyMounted(before);
  const orphan = before !== undefined && isServed(before) ? before : undefined;
  const path = await wantedPath(host, access, options, orphan);
  refuseOverlap(host, id, path);
  await checkFolder(host, path, before);
  const record: MountRecord = {
    version: 1,
    id,
    nonce: randomBytes(16).toString('hex'),
    context: access.contextName,
    server: access.server,
    tenant: access.tenant,
    bucket: access.bucket,
    credentialExpiresAt: access.expiresAt,
    path,
    // What is taken over goes on as it was mounted.
    profile: orphan?.profile ?? profile.name,
    readOnly: orphan?.readOnly ?? options.readOnly,
    state: 'mounting',
    since: new Date(host.clock.now()).toISOString(),
    supervisor: null,
    control: null,
    rclone: before?.rclone ?? null,
    adapter: before?.adapter ?? null,
    problem: null,
  };
  await writeRecord(host.places, record);
  return record;
}

async function wantedPath(
  host: Host,
  access: BucketAccess,
  options: MountOptions,
  orphan: MountRecord | undefined,
): Promise<string> {
  if (options.path === undefined) {
    return orphan?.path ?? join(host.places.home, 'CloudMount', access.tenant.slug);
  }
  const path = await resolveMountPoint(options.path);
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

/** A mount of ours that died there is cleared away later, by its supervisor. */
async function checkFolder(
  host: Host,
  path: string,
  before: MountRecord | undefined,
): Promise<void> {
  const found = findMount(await readMountTable(host.platform), path);
  if (found === undefined) {
    if (host.platform !== 'win32') await checkMountPoint(path);
    return;
  }
  if (before?.path === path) return;
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
