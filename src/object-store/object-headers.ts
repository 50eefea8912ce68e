import { notImplemented, S3Error } from './errors.ts';
import type { ObjectRecord, StoredHeaders } from './objects.ts';
import type { StoreRequest } from './request.ts';
import { httpDate } from './stamps.ts';

const KEPT = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-website-redirect-location',
] as const;
const MAX_METADATA_BYTES = 8 * 1024;
const DEFAULT_TYPE = 'binary/octet-stream';

/**
 * Headers of an upload that ask for something that is not here. Accepting them in silence would
 * promise encryption, retention, tags or publicity that the object does not get.
 */
const REFUSED = [
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-legal-hold',
  'x-amz-object-lock-retain-until-date',
  'x-amz-grant-read',
  'x-amz-grant-write',
  'x-amz-grant-read-acp',
  'x-amz-grant-write-acp',
  'x-amz-grant-full-control',
  'x-amz-write-offset-bytes',
];
const PRIVATE_ACLS = ['private', 'bucket-owner-read', 'bucket-owner-full-control'];
const STORAGE_CLASSES = ['STANDARD', 'STANDARD_IA'];

/** What is kept of the headers of an upload. @throws S3Error MetadataTooLarge, NotImplemented … */
export function storedHeaders(request: StoreRequest): StoredHeaders {
  refuseUnknown(request.headers);
  const kept: Record<string, string> = {};
  for (const name of KEPT) {
    const value = request.headers.get(name);
    if (value !== undefined) kept[name] = value;
  }
  kept['content-type'] ??= DEFAULT_TYPE;
  const encoding = kept['content-encoding'];
  if (encoding !== undefined) {
    const rest = withoutChunked(encoding);
    if (rest === '') delete kept['content-encoding'];
    else kept['content-encoding'] = rest;
  }
  addMetadata(request.headers, kept);
  addStorageClass(request.headers, kept);
  return kept;
}

function addStorageClass(headers: ReadonlyMap<string, string>, kept: Record<string, string>): void {
  const storageClass = headers.get('x-amz-storage-class');
  if (storageClass === undefined || storageClass === 'STANDARD') return;
  if (!STORAGE_CLASSES.includes(storageClass))
    throw notImplemented(`storage class ${storageClass}`);
  kept['x-amz-storage-class'] = storageClass;
}

function refuseUnknown(headers: ReadonlyMap<string, string>): void {
  for (const name of REFUSED) if (headers.has(name)) throw notImplemented(name);
  const acl = headers.get('x-amz-acl');
  if (acl !== undefined && !PRIVATE_ACLS.includes(acl)) throw notImplemented(`x-amz-acl: ${acl}`);
  const tagging = headers.get('x-amz-tagging');
  if (tagging !== undefined && tagging !== '') throw notImplemented('x-amz-tagging');
  const encryption = headers.get('x-amz-server-side-encryption');
  if (encryption !== undefined) throw notImplemented('x-amz-server-side-encryption');
}

/** `aws-chunked` is how the body travelled, not what it is. */
function withoutChunked(encoding: string): string {
  return encoding
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== 'aws-chunked' && part !== '')
    .join(', ');
}

function addMetadata(headers: ReadonlyMap<string, string>, kept: Record<string, string>): void {
  let size = 0;
  for (const [name, value] of headers) {
    if (!name.startsWith('x-amz-meta-')) continue;
    size += name.length + Buffer.byteLength(value);
    kept[name] = value;
  }
  if (size > MAX_METADATA_BYTES) {
    throw new S3Error(
      'MetadataTooLarge',
      'Your metadata headers exceed the maximum allowed metadata size.',
      { Size: String(size), MaxSizeAllowed: String(MAX_METADATA_BYTES) },
    );
  }
}

const OVERRIDES: Record<string, string> = {
  'response-content-type': 'content-type',
  'response-content-language': 'content-language',
  'response-expires': 'expires',
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
};

/** Response headers of GET and HEAD. Checksums are told on request, as in S3, and only of a whole. */
export function objectHeaders(
  object: ObjectRecord,
  request: StoreRequest,
  whole: boolean,
): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {
    ...object.headers,
    etag: `"${object.etag}"`,
    'last-modified': httpDate(object.stamp),
    'accept-ranges': 'bytes',
  };
  for (const [parameter, header] of Object.entries(OVERRIDES)) {
    const value = request.query.get(parameter);
    if (value !== undefined) headers[header] = value;
  }
  const mode = request.headers.get('x-amz-checksum-mode');
  if (whole && mode?.toUpperCase() === 'ENABLED') Object.assign(headers, checksumHeaders(object));
  return headers;
}

export function checksumHeaders(object: Pick<ObjectRecord, 'checksum'>): Record<string, string> {
  if (object.checksum === undefined) return {};
  const { algorithm, value, type } = object.checksum;
  return { [`x-amz-checksum-${algorithm}`]: value, 'x-amz-checksum-type': type };
}
