import { S3Error } from '../errors.ts';
import { listPage, type ListingPage, type ListingView, type ObjectSummary } from '../listing.ts';
import type { Reply, StoreRequest } from '../request.ts';
import { isoDate } from '../stamps.ts';
import { authorize, bucketArn, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { element, escapeXml, optional, sequence, xmlDocument, type Xml } from '../xml.ts';
import { readEncoding, wholeNumber, type Encoding } from './list-parameters.ts';
import { snapshotStamp } from './snapshots.ts';
import type { Bucket } from '../buckets.ts';

const PAGE = 1000;
export const OWNER_ID = 'local';

interface Listing {
  bucket: string;
  prefix: string;
  delimiter: string;
  limit: number;
  encoding: Encoding;
  page: ListingPage;
}

function readListing(call: Call, after: (request: StoreRequest) => string): Listing {
  const { request, store } = call;
  const name = request.bucket ?? '';
  const prefix = request.query.get('prefix') ?? '';
  const delimiter = request.query.get('delimiter') ?? '';
  authorize(call, 's3:ListBucket', bucketArn(name), { prefix, delimiter });
  const bucket = store.buckets.require(name);
  const limit = wholeNumber(request.query, 'max-keys', PAGE);
  const rows = store.objects.rows(bucket.id, listingView(call, bucket));
  const page = listPage(rows, { prefix, delimiter, after: after(request), limit });
  return { bucket: name, prefix, delimiter, limit, encoding: readEncoding(request.query), page };
}

/** Present objects, those of a snapshot, or the restorable ones, as Tigris's headers say. */
export function listingView(call: Call, bucket: Bucket): ListingView {
  const { request, store } = call;
  if (request.headers.get('x-tigris-soft-delete')?.toLowerCase() === 'true') {
    return { kind: 'deleted', now: store.clock.now() * 1000 };
  }
  const stamp = snapshotStamp(request, bucket);
  return stamp === undefined ? { kind: 'current' } : { kind: 'at', stamp };
}

/** ListObjects, version 1: pages by marker. */
export function listObjectsV1(call: Call): Reply {
  const listing = readListing(call, (request) => request.query.get('marker') ?? '');
  const { encoding, page } = listing;
  const next = page.truncated ? lastName(page) : undefined;
  const document = xmlDocument(
    'ListBucketResult',
    S3_NAMESPACE,
    ...commonElements(listing),
    element('Marker', encoding.apply(call.request.query.get('marker') ?? '')),
    // S3 leaves it out without a delimiter; clients then use the last key, which is the same.
    optional('NextMarker', next === undefined ? undefined : encoding.apply(next)),
    ...pageElements(listing, true),
  );
  return xmlReply(document);
}

/** ListObjects, version 2: pages by continuation token. */
export function listObjectsV2(call: Call): Reply {
  const { query } = call.request;
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const listing = readListing(call, () =>
    token === undefined || token === '' ? (startAfter ?? '') : readToken(token),
  );
  const { encoding, page } = listing;
  const next = page.truncated ? lastName(page) : undefined;
  const document = xmlDocument(
    'ListBucketResult',
    S3_NAMESPACE,
    ...commonElements(listing),
    element('KeyCount', page.entries.length),
    optional('StartAfter', startAfter === undefined ? undefined : encoding.apply(startAfter)),
    optional('ContinuationToken', token),
    optional('NextContinuationToken', next === undefined ? undefined : writeToken(next)),
    ...pageElements(listing, query.get('fetch-owner') === 'true'),
  );
  return xmlReply(document);
}

function commonElements({ bucket, prefix, delimiter, limit, encoding, page }: Listing): Xml[] {
  return [
    element('Name', bucket),
    element('Prefix', encoding.apply(prefix)),
    delimiter === '' ? { xml: '' } : element('Delimiter', encoding.apply(delimiter)),
    optional('EncodingType', encoding.type),
    element('MaxKeys', limit),
    element('IsTruncated', page.truncated),
  ];
}

function pageElements({ encoding, page }: Listing, owner: boolean): Xml[] {
  const objects: string[] = [];
  const prefixes: Xml[] = [];
  for (const entry of page.entries) {
    if ('key' in entry) objects.push(objectXml(entry, encoding, owner));
    else prefixes.push(element('CommonPrefixes', element('Prefix', encoding.apply(entry.prefix))));
  }
  return [{ xml: objects.join('') }, sequence(prefixes)];
}

/** Written as one string: a page has a thousand of them, and it is the busiest reply there is. */
function objectXml(object: ObjectSummary, encoding: Encoding, owner: boolean): string {
  const who = owner
    ? `<Owner><ID>${OWNER_ID}</ID><DisplayName>${OWNER_ID}</DisplayName></Owner>`
    : '';
  return (
    `<Contents><Key>${escapeXml(encoding.apply(object.key))}</Key>` +
    `<LastModified>${isoDate(object.stamp)}</LastModified>` +
    `<ETag>&quot;${object.etag}&quot;</ETag><Size>${object.size}</Size>${who}` +
    '<StorageClass>STANDARD</StorageClass></Contents>'
  );
}

export function lastName(page: ListingPage): string {
  const last = page.entries.at(-1);
  if (last === undefined) return '';
  return 'key' in last ? last.key : last.prefix;
}

/** Opaque to clients; holds the last key or common prefix of the page. */
function writeToken(name: string): string {
  return Buffer.from(`1:${name}`).toString('base64url');
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!text.startsWith('1:') || writeToken(text.slice(2)) !== token) {
    throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect', {
      ArgumentName: 'continuation-token',
    });
  }
  return text.slice(2);
}
