import { checkReadConditions, checkWriteConditions } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { checksumHeaders, objectHeaders, storedHeaders } from '../object-headers.ts';
import type { ObjectRecord } from '../objects.ts';
import type { Reply } from '../request.ts';
import { versionToStamp } from '../stamps.ts';
import { bucketArn, mayDo, objectOf, type Call } from '../store.ts';
import { checksumToStore, receiveUpload } from '../upload-body.ts';
import { snapshotStamp } from './snapshots.ts';

export async function putObject(call: Call): Promise<Reply> {
  const { store, request } = call;
  const target = objectOf(call, 's3:PutObject');
  store.buckets.require(target.bucket);
  const headers = storedHeaders(request);
  const body = await receiveUpload(call);
  let adopted = false;
  try {
    const object = await store.database.write(() => {
      const bucket = store.buckets.require(target.bucket);
      checkWriteConditions(request.headers, () => store.objects.find(bucket.id, target.key));
      const record: ObjectRecord = {
        key: target.key,
        stamp: store.stamps.next(),
        size: body.size,
        etag: body.md5,
        headers,
        checksum: checksumToStore(body),
        segments: store.bodies.adopt(body),
      };
      store.objects.put(bucket, record);
      return record;
    });
    adopted = true;
    store.notifier.notify('OBJECT_CREATED_PUT', target.bucket, object);
    return { status: 200, headers: { etag: `"${object.etag}"`, ...checksumHeaders(object) } };
  } finally {
    if (!adopted) await store.bodies.discard(body);
  }
}

/** The object of a GET or HEAD, as it is or as it was at the snapshot that the request names. */
export function findForRead(call: Call): ObjectRecord {
  const { store, request } = call;
  const target = objectOf(call, 's3:GetObject');
  const bucket = store.buckets.require(target.bucket);
  const version = request.query.get('versionId');
  if (!bucket.snapshots || version === 'null') refuseVersion(version);
  else if (version !== undefined) return findVersion(call, bucket.id, target.key, version);
  const stamp = snapshotStamp(request, bucket);
  const object =
    stamp === undefined
      ? store.objects.find(bucket.id, target.key)
      : store.objects.findAt(bucket.id, target.key, stamp);
  if (object !== undefined) return object;
  // Who may not list must not learn by 404 which keys do not exist.
  if (!mayDo(call, 's3:ListBucket', bucketArn(target.bucket))) {
    throw new S3Error('AccessDenied', 'Access Denied');
  }
  throw new S3Error('NoSuchKey', 'The specified key does not exist.', { Key: target.key });
}

/** A version by its id, in a bucket that keeps them. @throws S3Error NoSuchVersion */
function findVersion(call: Call, bucket: number, key: string, version: string): ObjectRecord {
  const stamp = versionToStamp(version);
  const object =
    stamp === undefined ? undefined : call.store.objects.findVersion(bucket, key, stamp);
  if (object !== undefined) return object;
  throw noSuchVersion(version);
}

/** A bucket without snapshots has no versions in S3's sense: the only one has the id `null`. */
export function refuseVersion(versionId: string | undefined): void {
  if (versionId === undefined || versionId === 'null') return;
  throw noSuchVersion(versionId);
}

export function noSuchVersion(version: string): S3Error {
  return new S3Error('NoSuchVersion', 'The specified version does not exist.', {
    VersionId: version,
  });
}

export function getObject(call: Call): Reply {
  const object = findForRead(call);
  checkReadConditions(call.request.headers, object);
  if (call.request.query.has('partNumber')) return getPart(call, object);
  const range = parseRange(call.request.headers.get('range'), object.size);
  if (range === 'unsatisfiable') {
    throw new S3Error('InvalidRange', 'The requested range is not satisfiable', {
      ActualObjectSize: String(object.size),
      RangeRequested: call.request.headers.get('range') ?? '',
    });
  }
  return rangeReply(call, object, range);
}

function rangeReply(
  call: Call,
  object: ObjectRecord,
  range: { start: number; end: number } | undefined,
): Reply {
  const { start, end } = range ?? { start: 0, end: object.size };
  const headers = objectHeaders(object, call.request, range === undefined);
  if (range !== undefined) headers['content-range'] = `bytes ${start}-${end - 1}/${object.size}`;
  headers['content-length'] = String(end - start);
  const status = range === undefined ? 200 : 206;
  if (call.request.method === 'HEAD') return { status, headers };
  const inline = call.store.bodies.readInline(object.segments);
  if (inline !== undefined) return { status, headers, body: inline.subarray(start, end) };
  const bytes = call.store.bodies.read(object.segments, start, end);
  return { status, headers, body: { size: end - start, bytes } };
}

/** One part of a multipart object, by its number; an object put in one piece has one part. */
function getPart(call: Call, object: ObjectRecord): Reply {
  const number = Number(call.request.query.get('partNumber'));
  const multipart = /-(\d+)$/.exec(object.etag);
  const count = multipart === null ? 1 : Number(multipart[1]);
  if (!Number.isInteger(number) || number < 1 || number > count) {
    throw new S3Error('InvalidRange', 'The requested part number is not satisfiable');
  }
  // A multipart object has one segment for each part.
  const sizes = multipart === null ? [object.size] : object.segments.map((segment) => segment.size);
  const start = sizes.slice(0, number - 1).reduce((sum, size) => sum + size, 0);
  const reply = rangeReply(call, object, { start, end: start + (sizes[number - 1] ?? 0) });
  if (multipart !== null)
    reply.headers = { ...reply.headers, 'x-amz-mp-parts-count': String(count) };
  return reply;
}

/**
 * A single range of RFC 9110 as half-open offsets. Undefined when there is none or it is one that
 * S3 ignores (several ranges, another unit, malformed).
 */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}
