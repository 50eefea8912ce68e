import { checkReadConditions, checkWriteConditions } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { checksumHeaders, storedHeaders } from '../object-headers.ts';
import type { ObjectRecord } from '../objects.ts';
import type { Reply } from '../request.ts';
import { isoDate } from '../stamps.ts';
import { authorize, bucketArn, objectOf, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { element, xmlDocument } from '../xml.ts';
import { refuseVersion } from './objects.ts';
import { snapshotStamp } from './snapshots.ts';

/** What a copy reads: the object, and where it is. */
export interface CopySource {
  bucket: string;
  object: ObjectRecord;
}

/**
 * The source of a copy, once the caller may read it and its conditions hold.
 * @throws S3Error InvalidArgument, AccessDenied, NoSuchBucket, NoSuchKey, PreconditionFailed
 */
export function readCopySource(call: Call): CopySource {
  const { store, request } = call;
  const header = request.headers.get('x-amz-copy-source') ?? '';
  const [path = '', query = ''] = header.split('?');
  const decoded = decodeSource(path);
  const slash = decoded.indexOf('/');
  if (slash <= 0 || slash === decoded.length - 1) {
    throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key');
  }
  refuseVersion(new URLSearchParams(query).get('versionId') ?? undefined);
  const name = decoded.slice(0, slash);
  const key = decoded.slice(slash + 1);
  authorize(call, 's3:GetObject', `${bucketArn(name)}/${key}`);
  const bucket = store.buckets.require(name);
  const stamp = snapshotStamp(request, bucket);
  const object =
    stamp === undefined
      ? store.objects.find(bucket.id, key)
      : store.objects.findAt(bucket.id, key, stamp);
  if (object === undefined) {
    throw new S3Error('NoSuchKey', 'The specified key does not exist.', { Key: key });
  }
  checkReadConditions(request.headers, object, 'x-amz-copy-source-');
  return { bucket: name, object };
}

function decodeSource(path: string): string {
  try {
    return decodeURIComponent(path.startsWith('/') ? path.slice(1) : path);
  } catch {
    throw new S3Error('InvalidArgument', 'The copy source is not valid percent-encoding.');
  }
}

/** PUT with x-amz-copy-source; with `X-Tigris-Rename: true` the source is gone afterwards. */
export async function copyObject(call: Call): Promise<Reply> {
  const { store, request } = call;
  const target = objectOf(call, 's3:PutObject');
  store.buckets.require(target.bucket);
  const source = readCopySource(call);
  const renames = request.headers.get('x-tigris-rename')?.toLowerCase() === 'true';
  const replaces = readDirective(request.headers.get('x-amz-metadata-directive'));
  const same = source.bucket === target.bucket && source.object.key === target.key;
  if (same && (renames || !replaces)) {
    throw new S3Error(
      'InvalidRequest',
      'This copy request is illegal because it is trying to copy an object to itself without ' +
        "changing the object's metadata.",
    );
  }
  const headers = replaces ? storedHeaders(request) : source.object.headers;
  const object = renames
    ? await rename(call, source, target, headers)
    : await copy(call, source, target, headers);
  const document = xmlDocument(
    'CopyObjectResult',
    S3_NAMESPACE,
    element('LastModified', isoDate(object.stamp)),
    element('ETag', `"${object.etag}"`),
  );
  return xmlReply(document, checksumHeaders(object));
}

function readDirective(directive: string | undefined): boolean {
  if (directive === undefined || directive === 'COPY') return false;
  if (directive === 'REPLACE') return true;
  throw new S3Error('InvalidArgument', 'Unknown metadata directive.');
}

interface Target {
  bucket: string;
  key: string;
}

async function copy(
  call: Call,
  source: CopySource,
  target: Target,
  headers: ObjectRecord['headers'],
): Promise<ObjectRecord> {
  const { store, request } = call;
  const duplicate = await store.bodies.duplicate(source.object.segments);
  let adopted = false;
  try {
    const object = await store.database.write(() => {
      const bucket = store.buckets.require(target.bucket);
      checkWriteConditions(request.headers, () => store.objects.find(bucket.id, target.key));
      const record: ObjectRecord = {
        ...source.object,
        key: target.key,
        stamp: store.stamps.next(),
        headers,
        segments: store.bodies.adoptDuplicate(duplicate),
      };
      store.objects.put(bucket, record);
      return record;
    });
    adopted = true;
    store.notifier.notify('OBJECT_CREATED_COPY', target.bucket, object);
    return object;
  } finally {
    if (!adopted) await store.bodies.discardDuplicate(duplicate);
  }
}

/**
 * Without a copy of the bytes, unless the source's bucket keeps versions and so keeps them. The
 * target appears and the source disappears in one commit.
 */
async function rename(
  call: Call,
  source: CopySource,
  target: Target,
  headers: ObjectRecord['headers'],
): Promise<ObjectRecord> {
  const { store, request } = call;
  authorize(call, 's3:DeleteObject', `${bucketArn(source.bucket)}/${source.object.key}`);
  const keeps = store.buckets.require(source.bucket).snapshots;
  const duplicate = keeps ? await store.bodies.duplicate(source.object.segments) : undefined;
  let adopted = false;
  try {
    const object = await store.database.write(() => {
      const from = store.buckets.require(source.bucket);
      const to = store.buckets.require(target.bucket);
      const current = store.objects.find(from.id, source.object.key);
      if (current?.stamp !== source.object.stamp) {
        throw new S3Error('ConditionalRequestConflict', 'The source changed while it was renamed.');
      }
      checkWriteConditions(request.headers, () => store.objects.find(to.id, target.key));
      const stamp = store.stamps.next();
      if (duplicate === undefined) store.objects.detach(from.id, current.key);
      else store.objects.remove(from, current.key, stamp);
      const segments =
        duplicate === undefined ? current.segments : store.bodies.adoptDuplicate(duplicate);
      const record: ObjectRecord = { ...current, key: target.key, stamp, headers, segments };
      store.objects.put(to, record);
      return record;
    });
    adopted = true;
    store.notifier.notify('OBJECT_RENAME', target.bucket, object);
    return object;
  } finally {
    if (!adopted && duplicate !== undefined) await store.bodies.discardDuplicate(duplicate);
  }
}
