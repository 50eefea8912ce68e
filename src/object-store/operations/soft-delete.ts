import { checkWriteConditions } from '../conditions.ts';
import { notImplemented } from '../errors.ts';
import type { ObjectRecord } from '../objects.ts';
import type { Reply } from '../request.ts';
import { versionToStamp } from '../stamps.ts';
import { objectOf, type Call } from '../store.ts';
import { noSuchVersion } from './objects.ts';

/** Whether a request is about what was deleted and can be restored. */
export function asksForDeleted(call: Call): boolean {
  return call.request.headers.get('x-tigris-soft-delete')?.toLowerCase() === 'true';
}

/**
 * POST ?restore with `X-Tigris-Restore-Type: soft-delete` and the version to bring back. What is
 * current is replaced, as by a PUT.
 */
export async function restoreObject(call: Call): Promise<Reply> {
  const { store, request } = call;
  const target = objectOf(call, 's3:RestoreObject');
  if (request.headers.get('x-tigris-restore-type')?.toLowerCase() !== 'soft-delete') {
    throw notImplemented('restoring from an archive tier');
  }
  const version = request.headers.get('x-tigris-restore-version');
  const object = await store.database.write(() => {
    const bucket = store.buckets.require(target.bucket);
    const deleted = requireDeleted(call, bucket.id, target.key, version);
    checkWriteConditions(request.headers, () => store.objects.find(bucket.id, target.key));
    store.objects.restore(bucket, deleted, store.stamps.next());
    return deleted;
  });
  store.notifier.notify('OBJECT_CREATED_PUT', target.bucket, object);
  return { status: 200 };
}

/** DELETE of a version with `X-Tigris-Soft-Delete: true`: before its retention is over. */
export async function purgeObject(call: Call): Promise<Reply> {
  const { store, request } = call;
  const target = objectOf(call, 's3:DeleteObject');
  await store.database.write(() => {
    const bucket = store.buckets.require(target.bucket);
    const version = request.query.get('versionId');
    store.objects.purge(bucket.id, requireDeleted(call, bucket.id, target.key, version));
  });
  return { status: 204 };
}

function requireDeleted(
  call: Call,
  bucket: number,
  key: string,
  version: string | undefined,
): ObjectRecord {
  const stamp = versionToStamp(version ?? '');
  const now = call.store.clock.now() * 1000;
  const object =
    stamp === undefined ? undefined : call.store.objects.findDeleted(bucket, key, stamp, now);
  if (object !== undefined) return object;
  throw noSuchVersion(version ?? '');
}
