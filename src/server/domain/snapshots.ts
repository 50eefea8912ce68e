import type { Tenant } from '../../api/contract/admin.ts';
import type {
  ObjectVersion,
  ObjectVersionList,
  Snapshot,
  SnapshotList,
} from '../../api/contract/snapshots.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../db/sqlite.ts';
import { HttpProblem } from '../errors.ts';
import { StorageError, type KeptVersion, type StorageProvider } from '../storage/provider.ts';
import { recordAudit, type Actor } from './audit.ts';

export interface SnapshotDeps {
  db: Database;
  clock: Clock;
  storage: StorageProvider;
}

/** @throws HttpProblem 409 `no-snapshots`, 503 `storage-unavailable` */
export async function createSnapshot(
  { db, clock, storage }: SnapshotDeps,
  tenant: Tenant,
  name: string | undefined,
  actor: Actor,
): Promise<Snapshot> {
  const version = await asked(storage.createSnapshot(tenant.bucket_name, name));
  if (!/^\d+$/.test(version)) throw noSnapshots();
  await db.transaction().execute((transaction) =>
    recordAudit(transaction, clock, {
      ...{ ...actor, type: 'SnapshotCreatedEvent', tenantId: tenant.id, subjectId: version },
      data: { bucket_name: tenant.bucket_name, ...(name === undefined ? {} : { label: name }) },
    }),
  );
  return { version, name: name ?? null, created_at: timeOf(version) };
}

/** Oldest first. @throws HttpProblem as `createSnapshot` */
export async function listSnapshots(
  { storage }: SnapshotDeps,
  tenant: Tenant,
): Promise<SnapshotList> {
  const found = await asked(storage.listSnapshots(tenant.bucket_name));
  const snapshots = found.map(({ version, name, createdAt }) => ({
    ...{ version, name },
    created_at: new Date(createdAt).toISOString(),
  }));
  return { snapshots: snapshots.toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1)) };
}

/** @throws HttpProblem as `createSnapshot` */
export async function listVersions(
  { storage }: SnapshotDeps,
  tenant: Tenant,
  path: string,
): Promise<ObjectVersionList> {
  const found = await asked(storage.listVersions(tenant.bucket_name, path));
  // Of a bucket that keeps no versions the only one is called `null`.
  if (found.some(({ version }) => !/^\d+$/.test(version))) throw noSnapshots();
  return { versions: found.map(toContract) };
}

function toContract({ version, size, etag, latest }: KeptVersion): ObjectVersion {
  return { version, created_at: timeOf(version), size, etag, latest, deleted: etag === null };
}

/** A version is named by its time in nanoseconds. */
function timeOf(version: string): string {
  return new Date(Number(BigInt(version) / 1_000_000n)).toISOString();
}

async function asked<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    // What the request says is fixed; the bucket is what it cannot be said of.
    if (error.status === 400) throw noSnapshots(error);
    throw new HttpProblem(503, 'storage-unavailable', 'The object storage did not answer.', {
      ...{ detail: error.message, headers: { 'retry-after': '10' }, cause: error },
    });
  }
}

function noSnapshots(cause?: unknown): HttpProblem {
  return new HttpProblem(409, 'no-snapshots', 'This bucket keeps no earlier versions.', {
    detail: 'A bucket keeps them only if it was made so; those of new tenants are.',
    cause,
  });
}
