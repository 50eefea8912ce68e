import { createHash } from 'node:crypto';
import { CHECKSUM_ALGORITHMS, checksumHasher, isChecksumAlgorithm } from '../checksums.ts';
import { checkWriteConditions } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import type { ObjectRecord, StoredChecksum } from '../objects.ts';
import type { Reply } from '../request.ts';
import { objectOf, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import type { Part, Upload } from '../uploads.ts';
import { childrenOf, element, textOf, xmlDocument } from '../xml.ts';
import { malformedXml, readXmlBody } from './delete.ts';
import { MAX_PARTS, requireUpload } from './multipart.ts';

const MIN_PART_BYTES = 5 * 1024 * 1024;
/** 10,000 parts with an ETag and a checksum each. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

interface NamedPart {
  number: number;
  etag: string;
  /** Base64 by algorithm, where the client repeats them. */
  checksums: ReadonlyMap<string, string>;
}

/** Makes the named parts one object, in one commit. */
export async function completeMultipartUpload(call: Call): Promise<Reply> {
  const { store, request } = call;
  const target = objectOf(call, 's3:PutObject');
  const bucket = store.buckets.require(target.bucket);
  const named = await readNamedParts(call);
  const earlier = store.uploads.completed(
    bucket.id,
    target.key,
    request.query.get('uploadId') ?? '',
  );
  if (earlier !== undefined) {
    const present = store.objects.find(bucket.id, target.key);
    const unchanged = present?.stamp === earlier.stamp ? present : undefined;
    return completedReply(call, target, earlier.etag, unchanged?.checksum);
  }
  const upload = requireUpload(call, target);
  const parts = chooseParts(store.uploads.parts(upload.id, 0, MAX_PARTS), named);
  checkSize(request.headers.get('x-amz-mp-object-size'), parts);
  const checksum = await objectChecksum(call, upload, parts);
  checkAnnounced(request.headers, checksum);
  const object = await store.database.write(() => {
    requireUpload(call, target);
    // A part that was uploaded again since then has other bytes than those that were checked.
    chooseParts(store.uploads.parts(upload.id, 0, MAX_PARTS), named);
    const current = store.buckets.require(target.bucket);
    checkWriteConditions(request.headers, () => store.objects.find(current.id, target.key));
    const record: ObjectRecord = {
      key: target.key,
      stamp: store.stamps.next(),
      size: sum(parts),
      etag: multipartEtag(parts),
      headers: upload.headers,
      checksum,
      segments: parts.flatMap((part) => part.segments),
    };
    store.objects.put(current, record);
    store.uploads.remove(upload.id, new Set(parts.map((part) => part.number)));
    store.uploads.rememberCompleted(upload, record.etag, record.stamp);
    return record;
  });
  store.notifier.notify('OBJECT_CREATED_MULTIPART', target.bucket, object);
  return completedReply(call, target, object.etag, checksum);
}

function completedReply(
  call: Call,
  target: { bucket: string; key: string },
  etag: string,
  checksum: StoredChecksum | undefined,
): Reply {
  const host = call.request.headers.get('host') ?? '';
  const children = [
    element('Location', `http://${host}${call.request.rawPath}`),
    element('Bucket', target.bucket),
    element('Key', target.key),
    element('ETag', `"${etag}"`),
  ];
  if (checksum !== undefined) {
    children.push(element(`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value));
    children.push(element('ChecksumType', checksum.type));
  }
  return xmlReply(xmlDocument('CompleteMultipartUploadResult', S3_NAMESPACE, ...children));
}

async function readNamedParts(call: Call): Promise<NamedPart[]> {
  const root = (await readXmlBody(call, MAX_BODY_BYTES, { ignoreChecksums: true }))[
    'CompleteMultipartUpload'
  ];
  const named = childrenOf(root, 'Part').map((part) => ({
    number: Number(textOf(part, 'PartNumber')),
    etag: (textOf(part, 'ETag') ?? '').trim().replaceAll('"', ''),
    checksums: new Map(
      CHECKSUM_ALGORITHMS.flatMap((algorithm) => {
        const value = textOf(part, `Checksum${algorithm.toUpperCase()}`);
        return value === undefined ? [] : [[algorithm, value.trim()] as const];
      }),
    ),
  }));
  if (named.length === 0 || named.some(({ number }) => !Number.isInteger(number)))
    throw malformedXml();
  return named;
}

function chooseParts(stored: Part[], named: NamedPart[]): Part[] {
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  let before = 0;
  return named.map((name, index) => {
    if (name.number <= before) {
      throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order.');
    }
    before = name.number;
    const part = byNumber.get(name.number);
    if (part?.etag !== name.etag || !checksumsAgree(part, name)) {
      throw new S3Error(
        'InvalidPart',
        'One or more of the specified parts could not be found. The part may not have been ' +
          "uploaded, or the specified entity tag may not match the part's entity tag.",
        { PartNumber: String(name.number), ETag: name.etag },
      );
    }
    if (index < named.length - 1 && part.size < MIN_PART_BYTES) {
      throw new S3Error(
        'EntityTooSmall',
        'Your proposed upload is smaller than the minimum allowed object size.',
        { PartNumber: String(part.number), ProposedSize: String(part.size) },
      );
    }
    return part;
  });
}

function checksumsAgree(part: Part, name: NamedPart): boolean {
  for (const [algorithm, value] of name.checksums) {
    if (part.checksum?.algorithm === algorithm && part.checksum.value !== value) return false;
  }
  return true;
}

function sum(parts: Part[]): number {
  return parts.reduce((total, part) => total + part.size, 0);
}

function checkSize(header: string | undefined, parts: Part[]): void {
  if (header === undefined || Number(header) === sum(parts)) return;
  throw new S3Error(
    'InvalidRequest',
    'The provided x-amz-mp-object-size does not match the size of the uploaded parts.',
  );
}

/** MD5 of the parts' MD5s and their number: how S3 forms the ETag of a multipart object. */
function multipartEtag(parts: Part[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.etag, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}

async function objectChecksum(
  call: Call,
  upload: Upload,
  parts: Part[],
): Promise<StoredChecksum | undefined> {
  const algorithm = upload.checksumAlgorithm;
  if (algorithm === undefined || upload.checksumType === undefined) return undefined;
  const hasher = checksumHasher(algorithm);
  if (upload.checksumType === 'COMPOSITE') {
    for (const part of parts) hasher.update(Buffer.from(part.checksum?.value ?? '', 'base64'));
    return { algorithm, value: `${hasher.digest()}-${parts.length}`, type: 'COMPOSITE' };
  }
  const segments = parts.flatMap((part) => part.segments);
  for await (const piece of call.store.bodies.read(segments, 0, sum(parts))) hasher.update(piece);
  return { algorithm, value: hasher.digest(), type: 'FULL_OBJECT' };
}

/** A checksum of the whole that the client sends with the completion. */
function checkAnnounced(
  headers: ReadonlyMap<string, string>,
  checksum: StoredChecksum | undefined,
): void {
  for (const [name, value] of headers) {
    const algorithm = name.replace(/^x-amz-checksum-/, '');
    if (algorithm === name || !isChecksumAlgorithm(algorithm)) continue;
    if (
      checksum?.algorithm === algorithm &&
      checksum.value.replace(/-\d+$/, '') === value.replace(/-\d+$/, '')
    ) {
      continue;
    }
    throw new S3Error('BadDigest', `The ${algorithm.toUpperCase()} you specified did not match.`);
  }
}
