import { notImplemented, S3Error } from './errors.ts';
import { restoreObject } from './operations/soft-delete.ts';
import { getBucketInfo, updateBucket } from './operations/bucket-settings.ts';
import * as buckets from './operations/buckets.ts';
import { completeMultipartUpload } from './operations/complete.ts';
import { copyObject } from './operations/copy.ts';
import { deleteObject, deleteObjects } from './operations/delete.ts';
import { listObjectsV1, listObjectsV2 } from './operations/list-objects.ts';
import { listMultipartUploads } from './operations/list-uploads.ts';
import * as multipart from './operations/multipart.ts';
import { findForRead, getObject, putObject } from './operations/objects.ts';
import { listObjectVersions } from './operations/versions.ts';
import type { StoreRequest } from './request.ts';
import { bucketOf, S3_NAMESPACE, xmlReply, type Operation } from './store.ts';
import { element, xmlDocument } from './xml.ts';

export interface Route {
  /** S3's name of the operation, for counters and faults. */
  name: string;
  run: Operation;
}

/**
 * Query parameters that turn a request into one about something else. A request that carries one
 * which no route below answers is refused: without this it would pass for a plain PUT or GET.
 */
const SUBRESOURCES = [
  'accelerate',
  'acl',
  'analytics',
  'append',
  'attributes',
  'bundle',
  'cors',
  'delete',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'location',
  'logging',
  'metadata',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'renameObject',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versioning',
  'versions',
  'website',
] as const;

/** What S3 says of a bucket that has none of these. */
const ABSENT: Record<string, Operation> = {
  GetBucketPolicy: absent(
    's3:GetBucketPolicy',
    'NoSuchBucketPolicy',
    'The bucket policy does not exist',
  ),
  GetBucketCors: absent(
    's3:GetBucketCORS',
    'NoSuchCORSConfiguration',
    'The CORS configuration does not exist',
  ),
  GetBucketLifecycleConfiguration: absent(
    's3:GetLifecycleConfiguration',
    'NoSuchLifecycleConfiguration',
    'The lifecycle configuration does not exist',
  ),
  GetBucketTagging: absent('s3:GetBucketTagging', 'NoSuchTagSet', 'The TagSet does not exist'),
};

function absent(
  action: Parameters<typeof bucketOf>[1],
  code: ConstructorParameters<typeof S3Error>[0],
  message: string,
): Operation {
  return (call) => {
    call.store.buckets.require(bucketOf(call, action));
    throw new S3Error(code, message);
  };
}

const getBucketAcl: Operation = (call) => {
  call.store.buckets.require(bucketOf(call, 's3:GetBucketAcl'));
  return buckets.accessControlPolicy();
};
const getObjectAcl: Operation = (call) => {
  findForRead(call);
  return buckets.accessControlPolicy();
};
const getObjectTagging: Operation = (call) => {
  findForRead(call);
  return xmlReply(xmlDocument('Tagging', S3_NAMESPACE, element('TagSet')));
};

/** By level, method and subresource (`-` for none). */
const ROUTES: Record<string, Route | undefined> = Object.fromEntries(
  (
    [
      ['service GET -', 'ListBuckets', buckets.listBuckets],
      ['bucket GET - 1', 'ListObjects', listObjectsV1],
      ['bucket GET - 2', 'ListObjectsV2', listObjectsV2],
      ['bucket GET location', 'GetBucketLocation', buckets.getBucketLocation],
      ['bucket GET versioning', 'GetBucketVersioning', buckets.getBucketVersioning],
      ['bucket GET uploads', 'ListMultipartUploads', listMultipartUploads],
      ['bucket GET versions', 'ListObjectVersions', listObjectVersions],
      ['bucket GET metadata', 'GetBucketInfo', getBucketInfo],
      ['bucket GET acl', 'GetBucketAcl', getBucketAcl],
      ['bucket HEAD -', 'HeadBucket', buckets.headBucket],
      ['bucket PUT -', 'CreateBucket', buckets.createBucket],
      ['bucket PATCH -', 'UpdateBucket', updateBucket],
      ['bucket DELETE -', 'DeleteBucket', buckets.deleteBucket],
      ['bucket POST delete', 'DeleteObjects', deleteObjects],
      ['object GET -', 'GetObject', getObject],
      ['object GET acl', 'GetObjectAcl', getObjectAcl],
      ['object GET tagging', 'GetObjectTagging', getObjectTagging],
      ['object GET uploadId', 'ListParts', multipart.listParts],
      ['object HEAD -', 'HeadObject', getObject],
      ['object PUT -', 'PutObject', putObject],
      ['object PUT - copy', 'CopyObject', copyObject],
      ['object PUT uploadId', 'UploadPart', multipart.uploadPart],
      ['object PUT uploadId copy', 'UploadPartCopy', multipart.uploadPartCopy],
      ['object POST uploads', 'CreateMultipartUpload', multipart.createMultipartUpload],
      ['object POST uploadId', 'CompleteMultipartUpload', completeMultipartUpload],
      ['object POST restore', 'RestoreObject', restoreObject],
      ['object DELETE -', 'DeleteObject', deleteObject],
      ['object DELETE uploadId', 'AbortMultipartUpload', multipart.abortMultipartUpload],
      ['bucket GET policy', 'GetBucketPolicy', ABSENT['GetBucketPolicy']],
      ['bucket GET cors', 'GetBucketCors', ABSENT['GetBucketCors']],
      [
        'bucket GET lifecycle',
        'GetBucketLifecycleConfiguration',
        ABSENT['GetBucketLifecycleConfiguration'],
      ],
      ['bucket GET tagging', 'GetBucketTagging', ABSENT['GetBucketTagging']],
    ] as [string, string, Operation][]
  ).map(([pattern, name, run]) => [pattern, { name, run }]),
);

/** The operation that a request asks for. @throws S3Error NotImplemented, MethodNotAllowed */
export function findRoute(request: StoreRequest): Route {
  const level =
    request.bucket === undefined ? 'service' : request.key === undefined ? 'bucket' : 'object';
  const subresource = SUBRESOURCES.find((name) => request.query.has(name)) ?? '-';
  const route = ROUTES[`${level} ${request.method} ${subresource}${variant(level, request)}`];
  if (route !== undefined) return route;
  if (subresource !== '-' || ['POST', 'OPTIONS'].includes(request.method)) {
    throw notImplemented(`${request.method} ?${subresource} on ${level}`);
  }
  throw new S3Error(
    'MethodNotAllowed',
    'The specified method is not allowed against this resource.',
    {
      Method: request.method,
      ResourceType: level.toUpperCase(),
    },
  );
}

function variant(level: string, request: StoreRequest): string {
  if (level === 'object' && request.method === 'PUT') {
    return request.headers.has('x-amz-copy-source') ? ' copy' : '';
  }
  const plain = !SUBRESOURCES.some((name) => request.query.has(name));
  if (level === 'bucket' && request.method === 'GET' && plain) {
    return request.query.get('list-type') === '2' ? ' 2' : ' 1';
  }
  return '';
}
