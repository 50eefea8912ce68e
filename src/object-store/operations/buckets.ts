import { checkBucketName } from '../buckets.ts';
import { notImplemented, S3Error } from '../errors.ts';
import type { Reply } from '../request.ts';
import { isoDate } from '../stamps.ts';
import { authorize, bucketOf, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { element, optional, sequence, xmlDocument } from '../xml.ts';
import { OWNER_ID } from './list-objects.ts';
import { wholeNumber } from './list-parameters.ts';
import { createSnapshot, listSnapshots } from './snapshots.ts';

const owner = () => element('Owner', element('ID', OWNER_ID), element('DisplayName', OWNER_ID));

export function listBuckets(call: Call): Reply {
  authorize(call, 's3:ListAllMyBuckets', 'arn:aws:s3:::*');
  const { request, store } = call;
  const snapshotsOf = request.headers.get('x-tigris-snapshot');
  if (snapshotsOf !== undefined) return listSnapshots(call, snapshotsOf);
  if (request.headers.has('x-tigris-fork')) throw notImplemented('forks');
  const limit = wholeNumber(request.query, 'max-buckets', 10_000);
  const prefix = request.query.get('prefix') ?? '';
  const after = request.query.get('continuation-token') ?? '';
  const found = store.buckets.list(prefix, after, limit + 1);
  const buckets = found.slice(0, limit);
  return xmlReply(
    xmlDocument(
      'ListAllMyBucketsResult',
      S3_NAMESPACE,
      owner(),
      element(
        'Buckets',
        sequence(
          buckets.map((bucket) =>
            element(
              'Bucket',
              element('Name', bucket.name),
              element('CreationDate', isoDate(bucket.created)),
            ),
          ),
        ),
      ),
      optional('ContinuationToken', found.length > limit ? buckets.at(-1)?.name : undefined),
    ),
  );
}

/**
 * PUT /bucket. `X-Tigris-Snapshot` on an existing bucket takes a snapshot instead; snapshots,
 * soft delete and regions of a new one come in headers (facts: Tigris's own SDK).
 */
export async function createBucket(call: Call): Promise<Reply> {
  const { request, store } = call;
  const name = bucketOf(call, 's3:CreateBucket');
  const header = (suffix: string) => request.headers.get(`x-tigris-${suffix}`);
  if (header('snapshot') !== undefined) return await createSnapshot(call, name);
  for (const suffix of ['fork-source-bucket', 'merge-source-bucket', 'rebase']) {
    if (header(suffix) !== undefined) throw notImplemented(`X-Tigris-${suffix}`);
  }
  if (request.headers.get('x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true') {
    throw notImplemented('x-amz-bucket-object-lock-enabled');
  }
  const acl = request.headers.get('x-amz-acl');
  if (acl !== undefined && acl !== 'private') throw notImplemented(`x-amz-acl: ${acl}`);
  checkBucketName(name);
  const softDelete = header('soft-delete');
  const bucket = {
    name,
    regions: readRegions(header('regions')),
    snapshots: header('enable-snapshot')?.toLowerCase() === 'true',
    softDeleteDays: softDelete === undefined ? undefined : readRetention(softDelete),
    notifications: undefined,
  };
  await store.database.write(() => {
    if (store.buckets.find(name) !== undefined) {
      throw new S3Error(
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
        { BucketName: name },
      );
    }
    store.buckets.insert({ ...bucket, created: store.stamps.next() });
  });
  return { status: 200, headers: { location: `/${name}` } };
}

/** @throws S3Error InvalidArgument outside of 7 to 90 days, Tigris's limits */
export function readRetention(text: string | number): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 7 && days <= 90) return days;
  throw new S3Error('InvalidArgument', 'Soft delete keeps objects for 7 to 90 days.');
}

export function readRegions(text: string | undefined): string {
  if (text === undefined || text === '') return 'global';
  if (/^[a-z]{3,6}(,[a-z]{3,6})*$/.test(text)) return text;
  throw new S3Error(
    'InvalidArgument',
    'The regions are not a comma-separated list of region names.',
  );
}

export function headBucket(call: Call): Reply {
  const { store } = call;
  const bucket = store.buckets.require(bucketOf(call, 's3:ListBucket'));
  return {
    status: 200,
    headers: {
      'x-amz-bucket-region': 'auto',
      'x-tigris-regions': bucket.regions,
      'x-tigris-enable-snapshot': bucket.snapshots ? 'true' : undefined,
      'x-tigris-soft-delete': bucket.softDeleteDays === undefined ? undefined : 'true',
    },
  };
}

/** `Tigris-Force-Delete: true` takes the objects along. */
export async function deleteBucket(call: Call): Promise<Reply> {
  const { request, store } = call;
  const name = bucketOf(call, 's3:DeleteBucket');
  if (request.headers.has('x-tigris-snapshot-version')) throw notImplemented('deleting a snapshot');
  const force = request.headers.get('tigris-force-delete')?.toLowerCase() === 'true';
  await store.database.write(() => {
    const bucket = store.buckets.require(name);
    if (!force && !store.objects.isEmpty(bucket.id)) {
      throw new S3Error('BucketNotEmpty', 'The bucket you tried to delete is not empty', {
        BucketName: name,
      });
    }
    store.objects.removeAll(bucket.id);
    store.uploads.removeAll(bucket.id);
    store.buckets.remove(bucket.id);
  });
  return { status: 204 };
}

export function getBucketLocation(call: Call): Reply {
  call.store.buckets.require(bucketOf(call, 's3:GetBucketLocation'));
  return xmlReply(xmlDocument('LocationConstraint', S3_NAMESPACE, { xml: 'auto' }));
}

/** Buckets have no versions in S3's sense, which S3 says with an empty document. */
export function getBucketVersioning(call: Call): Reply {
  call.store.buckets.require(bucketOf(call, 's3:GetBucketVersioning'));
  return xmlReply(xmlDocument('VersioningConfiguration', S3_NAMESPACE));
}

/** There is one owner, and nobody else is granted anything by ACL. */
export function accessControlPolicy(): Reply {
  const grantee = `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>${OWNER_ID}</ID><DisplayName>${OWNER_ID}</DisplayName></Grantee>`;
  const grant = element('Grant', { xml: grantee }, element('Permission', 'FULL_CONTROL'));
  return xmlReply(
    xmlDocument('AccessControlPolicy', S3_NAMESPACE, owner(), element('AccessControlList', grant)),
  );
}
