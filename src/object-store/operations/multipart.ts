import { isChecksumAlgorithm, type ChecksumAlgorithm } from '../checksums.ts';
import { S3Error } from '../errors.ts';
import { checksumHeaders, storedHeaders } from '../object-headers.ts';
import type { StoredChecksum } from '../objects.ts';
import type { Reply } from '../request.ts';
import { isoDate } from '../stamps.ts';
import { objectOf, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { checksumToStore, receiveUpload } from '../upload-body.ts';
import type { Part, Upload } from '../uploads.ts';
import { element, optional, sequence, xmlDocument, type Xml } from '../xml.ts';
import { readCopySource } from './copy.ts';
import { wholeNumber } from './list-parameters.ts';
import { parseRange } from './objects.ts';

export const MAX_PARTS = 10_000;

export async function createMultipartUpload(call: Call): Promise<Reply> {
  const { store, request } = call;
  const target = objectOf(call, 's3:PutObject');
  const headers = storedHeaders(request);
  const checksum = readUploadChecksum(request.headers);
  const id = await store.database.write(() => {
    const bucket = store.buckets.require(target.bucket);
    return store.uploads.create({
      bucket: bucket.id,
      key: target.key,
      started: store.stamps.next(),
      headers,
      checksumAlgorithm: checksum?.algorithm,
      checksumType: checksum?.type,
    });
  });
  const document = xmlDocument(
    'InitiateMultipartUploadResult',
    S3_NAMESPACE,
    element('Bucket', target.bucket),
    element('Key', target.key),
    element('UploadId', id),
  );
  return xmlReply(document, {
    'x-amz-checksum-algorithm': checksum?.algorithm.toUpperCase(),
    'x-amz-checksum-type': checksum?.type,
  });
}

/** Which checksum an upload asks for; S3 has no composite CRC-64 and no full-object SHA. */
function readUploadChecksum(
  headers: ReadonlyMap<string, string>,
): Pick<StoredChecksum, 'algorithm' | 'type'> | undefined {
  const algorithm = headers.get('x-amz-checksum-algorithm')?.toLowerCase();
  if (algorithm === undefined) return undefined;
  if (!isChecksumAlgorithm(algorithm)) {
    throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.');
  }
  const type = headers.get('x-amz-checksum-type')?.toUpperCase();
  const natural = algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE';
  if (type === undefined) return { algorithm, type: natural };
  if (type === 'COMPOSITE' && natural === 'COMPOSITE') return { algorithm, type };
  if (type === 'FULL_OBJECT' && !algorithm.startsWith('sha')) return { algorithm, type };
  throw new S3Error(
    'InvalidRequest',
    `The ${type} checksum type cannot be used with ${algorithm}.`,
  );
}

/** @throws S3Error NoSuchUpload */
export function requireUpload(call: Call, target: { bucket: string; key: string }): Upload {
  const { store, request } = call;
  const bucket = store.buckets.require(target.bucket);
  const id = request.query.get('uploadId') ?? '';
  const upload = store.uploads.find(bucket.id, target.key, id);
  if (upload !== undefined) return upload;
  throw new S3Error(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have ' +
      'been aborted or completed.',
    { UploadId: id },
  );
}

function readPartNumber(call: Call): number {
  const number = Number(call.request.query.get('partNumber'));
  if (Number.isInteger(number) && number >= 1 && number <= MAX_PARTS) return number;
  throw new S3Error(
    'InvalidArgument',
    `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`,
  );
}

export async function uploadPart(call: Call): Promise<Reply> {
  const target = objectOf(call, 's3:PutObject');
  const number = readPartNumber(call);
  const upload = requireUpload(call, target);
  const part = await storePart(call, upload, number, (also) => receiveUpload(call, { also }));
  return { status: 200, headers: { etag: `"${part.etag}"`, ...partChecksumHeaders(part) } };
}

function partChecksumHeaders(part: Part): Record<string, string | undefined> {
  return { ...checksumHeaders(part), 'x-amz-checksum-type': undefined };
}

export async function uploadPartCopy(call: Call): Promise<Reply> {
  const { store, request } = call;
  const target = objectOf(call, 's3:PutObject');
  const number = readPartNumber(call);
  const upload = requireUpload(call, target);
  const { object } = readCopySource(call);
  const header = request.headers.get('x-amz-copy-source-range');
  const range = parseRange(header, object.size);
  // Unlike a download, a copy refuses a range that it cannot take whole.
  const last = Number(/-(\d+)$/.exec(header ?? '')?.[1] ?? 0);
  if (header !== undefined && range === undefined) {
    throw new S3Error('InvalidArgument', 'The x-amz-copy-source-range value is not valid.');
  }
  if (range === 'unsatisfiable' || last >= object.size) {
    throw new S3Error('InvalidRange', 'The range of the copy is outside of its source.');
  }
  const { start, end } = typeof range === 'object' ? range : { start: 0, end: object.size };
  const bytes = store.bodies.read(object.segments, start, end);
  const part = await storePart(call, upload, number, (algorithm) =>
    store.bodies.receive(bytes, {
      sha256: false,
      checksums: algorithm === undefined ? [] : [algorithm],
    }),
  );
  return xmlReply(
    xmlDocument(
      'CopyPartResult',
      S3_NAMESPACE,
      element('LastModified', isoDate(part.stamp)),
      element('ETag', `"${part.etag}"`),
    ),
  );
}

async function storePart(
  call: Call,
  upload: Upload,
  number: number,
  receive: (algorithm: ChecksumAlgorithm | undefined) => ReturnType<typeof receiveUpload>,
): Promise<Part> {
  const { store } = call;
  const body = await receive(upload.checksumAlgorithm);
  let adopted = false;
  try {
    const part = await store.database.write(() => {
      // It may have been aborted or completed while the body arrived.
      requireUpload(call, objectOf(call, 's3:PutObject'));
      const record: Part = {
        number,
        stamp: store.stamps.next(),
        size: body.size,
        etag: body.md5,
        checksum: checksumToStore(body, upload.checksumAlgorithm),
        segments: store.bodies.adopt(body),
      };
      store.uploads.putPart(upload.id, record);
      return record;
    });
    adopted = true;
    return part;
  } finally {
    if (!adopted) await store.bodies.discard(body);
  }
}

/** Aborting what is gone is an error in S3, so a client can tell a completed upload apart. */
export async function abortMultipartUpload(call: Call): Promise<Reply> {
  const { store } = call;
  const target = objectOf(call, 's3:AbortMultipartUpload');
  await store.database.write(() => store.uploads.remove(requireUpload(call, target).id));
  return { status: 204 };
}

export function listParts(call: Call): Reply {
  const { store, request } = call;
  const target = objectOf(call, 's3:ListMultipartUploadParts');
  const upload = requireUpload(call, target);
  const limit = wholeNumber(request.query, 'max-parts', 1000);
  const marker = wholeNumber(request.query, 'part-number-marker', 0, MAX_PARTS);
  const found = store.uploads.parts(upload.id, marker, limit + 1);
  const parts = found.slice(0, limit);
  const document = xmlDocument(
    'ListPartsResult',
    S3_NAMESPACE,
    element('Bucket', target.bucket),
    element('Key', target.key),
    element('UploadId', upload.id),
    optional('ChecksumAlgorithm', upload.checksumAlgorithm?.toUpperCase()),
    optional('ChecksumType', upload.checksumType),
    element('StorageClass', 'STANDARD'),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', parts.at(-1)?.number ?? 0),
    element('MaxParts', limit),
    element('IsTruncated', found.length > limit),
    sequence(parts.map(partXml)),
  );
  return xmlReply(document);
}

function partXml(part: Part): Xml {
  const { checksum } = part;
  return element(
    'Part',
    element('PartNumber', part.number),
    element('LastModified', isoDate(part.stamp)),
    element('ETag', `"${part.etag}"`),
    element('Size', part.size),
    checksum === undefined
      ? undefined
      : element(`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value),
  );
}
