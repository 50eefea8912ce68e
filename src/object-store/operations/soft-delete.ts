import { S3Error } from '../errors.ts';
import { checkWriteConditions } from '../conditions.ts';
import type { ObjectRecord } from '../objects.ts';
import type { Reply } from '../request.ts';
import { isoDate, stampToVersion, versionToStamp } from '../stamps.ts';
import { authorize, bucketArn, objectOf, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { element, optional, sequence, xmlDocument, type Xml } from '../xml.ts';
import { notImplemented } from '../errors.ts';
import { listPage, type ObjectSummary } from '../listing.ts';
import { lastName } from './list-objects.ts';
import { readEncoding, wholeNumber, type Encoding } from './list-parameters.ts';

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
  throw new S3Error('NoSuchVersion', 'The specified version does not exist.', {
    VersionId: version ?? '',
  });
}

/**
 * GET ?versions: without soft delete every object is its only version, `null`; with Tigris's
 * header the restorable versions, by the time they were written.
 */
export function listObjectVersions(call: Call): Reply {
  const { store, request } = call;
  const name = request.bucket ?? '';
  const prefix = request.query.get('prefix') ?? '';
  const delimiter = request.query.get('delimiter') ?? '';
  authorize(call, 's3:ListBucketVersions', bucketArn(name), { prefix, delimiter });
  const bucket = store.buckets.require(name);
  const encoding = readEncoding(request.query);
  const limit = wholeNumber(request.query, 'max-keys', 1000);
  const keyMarker = request.query.get('key-marker') ?? '';
  const common = [
    element('Name', name),
    element('Prefix', encoding.apply(prefix)),
    element('KeyMarker', encoding.apply(keyMarker)),
    element('VersionIdMarker', request.query.get('version-id-marker') ?? ''),
    element('MaxKeys', limit),
    optional('EncodingType', encoding.type),
  ];
  if (asksForDeleted(call)) {
    const versions = store.objects.deletedVersions(bucket.id, prefix, store.clock.now() * 1000);
    const shown = versions.map((each) =>
      versionXml(each, stampToVersion(each.stamp), false, encoding),
    );
    return reply(common, [element('IsTruncated', false), sequence(shown)]);
  }
  const rows = store.objects.rows(bucket.id, { kind: 'current' });
  const page = listPage(rows, { prefix, delimiter, after: keyMarker, limit });
  const next = page.truncated ? encoding.apply(lastName(page)) : undefined;
  return reply(common, [
    element('IsTruncated', page.truncated),
    optional('NextKeyMarker', next),
    optional('NextVersionIdMarker', next === undefined ? undefined : 'null'),
    delimiter === '' ? { xml: '' } : element('Delimiter', encoding.apply(delimiter)),
    sequence(
      page.entries.map((entry) =>
        'key' in entry
          ? versionXml(entry, 'null', true, encoding)
          : element('CommonPrefixes', element('Prefix', encoding.apply(entry.prefix))),
      ),
    ),
  ]);
}

function reply(common: Xml[], rest: Xml[]): Reply {
  return xmlReply(xmlDocument('ListVersionsResult', S3_NAMESPACE, ...common, ...rest));
}

function versionXml(
  object: Pick<ObjectSummary, 'key' | 'stamp' | 'size' | 'etag'>,
  version: string,
  latest: boolean,
  encoding: Encoding,
): Xml {
  return element(
    'Version',
    element('Key', encoding.apply(object.key)),
    element('VersionId', version),
    element('IsLatest', latest),
    element('LastModified', isoDate(object.stamp)),
    element('ETag', `"${object.etag}"`),
    element('Size', object.size),
    element('StorageClass', 'STANDARD'),
  );
}
