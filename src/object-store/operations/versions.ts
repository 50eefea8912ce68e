import type { Bucket } from '../buckets.ts';
import { notImplemented } from '../errors.ts';
import { listPage, type ObjectSummary } from '../listing.ts';
import type { VersionRow } from '../objects.ts';
import type { Reply } from '../request.ts';
import { isoDate, stampToVersion, versionToStamp } from '../stamps.ts';
import { authorize, bucketArn, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { element, optional, sequence, xmlDocument, type Xml } from '../xml.ts';
import { lastName } from './list-objects.ts';
import { readEncoding, wholeNumber, type Encoding } from './list-parameters.ts';
import { asksForDeleted } from './soft-delete.ts';

/** What was asked for, and what every answer begins with. */
interface Listing {
  call: Call;
  bucket: Bucket;
  prefix: string;
  delimiter: string;
  keyMarker: string;
  limit: number;
  encoding: Encoding;
  common: Xml[];
}

/**
 * GET ?versions: in a bucket with snapshots every version and the marks of deletes, newest first, with
 * the time of each in nanoseconds as its id (@tigrisdata/storage compares them with snapshots); with
 * Tigris's header the soft-deleted ones. Elsewhere each object is its only version, `null`.
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
  const listing = { call, bucket, prefix, delimiter, keyMarker, limit, encoding, common };
  if (asksForDeleted(call)) return listDeleted(listing);
  return bucket.snapshots ? listKept(listing) : listCurrent(listing);
}

function listDeleted({ call, bucket, prefix, encoding, common }: Listing): Reply {
  const { store } = call;
  const versions = store.objects.deletedVersions(bucket.id, prefix, store.clock.now() * 1000);
  const shown = versions.map((each) =>
    versionXml(each, stampToVersion(each.stamp), false, encoding),
  );
  return reply(common, [element('IsTruncated', false), sequence(shown)]);
}

function listKept(listing: Listing): Reply {
  const { call, bucket, prefix, delimiter, keyMarker, limit, encoding, common } = listing;
  if (delimiter !== '') throw notImplemented('a delimiter in a listing of versions');
  const version = call.request.query.get('version-id-marker');
  const stamp = version === undefined ? undefined : versionToStamp(version);
  const after = { key: keyMarker, stamp };
  const found = call.store.objects.versions(bucket.id, prefix, after, limit + 1);
  const page = found.slice(0, limit);
  const last = found.length > limit ? page.at(-1) : undefined;
  return reply(common, [
    element('IsTruncated', last !== undefined),
    optional('NextKeyMarker', last === undefined ? undefined : encoding.apply(last.key)),
    optional('NextVersionIdMarker', last === undefined ? undefined : stampToVersion(last.stamp)),
    sequence(page.map((row) => keptXml(row, encoding))),
  ]);
}

function keptXml(row: VersionRow, encoding: Encoding): Xml {
  if (!row.marker) return versionXml(row, stampToVersion(row.stamp), row.latest, encoding);
  return element(
    'DeleteMarker',
    element('Key', encoding.apply(row.key)),
    element('VersionId', stampToVersion(row.stamp)),
    element('IsLatest', row.latest),
    element('LastModified', isoDate(row.stamp)),
  );
}

function listCurrent(listing: Listing): Reply {
  const { call, bucket, prefix, delimiter, keyMarker, limit, encoding, common } = listing;
  const rows = call.store.objects.rows(bucket.id, { kind: 'current' });
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
