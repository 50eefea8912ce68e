import { checkWriteConditions } from '../conditions.ts';
import { S3Error, toS3Error } from '../errors.ts';
import type { Reply } from '../request.ts';
import { authorize, bucketArn, objectOf, S3_NAMESPACE, xmlReply, type Call } from '../store.ts';
import { receiveUpload, type UploadOptions } from '../upload-body.ts';
import {
  childrenOf,
  element,
  optional,
  parseXml,
  sequence,
  textOf,
  xmlDocument,
  type Xml,
} from '../xml.ts';
import { refuseVersion } from './objects.ts';
import { asksForDeleted, purgeObject } from './soft-delete.ts';

const MAX_DELETES = 1000;
const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** Deleting what is not there is a success, as in S3. */
export async function deleteObject(call: Call): Promise<Reply> {
  const { store, request } = call;
  const target = objectOf(call, 's3:DeleteObject');
  if (asksForDeleted(call)) return await purgeObject(call);
  refuseVersion(request.query.get('versionId'));
  await remove(call, target.bucket, target.key, request.headers);
  store.buckets.require(target.bucket);
  return { status: 204 };
}

async function remove(
  call: Call,
  name: string,
  key: string,
  conditions: ReadonlyMap<string, string>,
): Promise<void> {
  const { store } = call;
  const removed = await store.database.write(() => {
    const bucket = store.buckets.require(name);
    const current = store.objects.find(bucket.id, key);
    if (conditions.has('if-match')) checkWriteConditions(conditions, () => current);
    return store.objects.remove(bucket, key, store.stamps.next());
  });
  if (removed !== undefined) store.notifier.notify('OBJECT_DELETED', name, removed);
}

/** POST ?delete: up to 1000 keys, each with its own outcome. */
export async function deleteObjects(call: Call): Promise<Reply> {
  const { request, store } = call;
  const name = request.bucket ?? '';
  store.buckets.require(name);
  const { items, quiet } = await readDeletes(call);
  const outcomes = await Promise.all(items.map((item) => deleteOne(call, name, item)));
  const shown = quiet ? outcomes.filter((outcome) => outcome.xml.startsWith('<Error>')) : outcomes;
  return xmlReply(xmlDocument('DeleteResult', S3_NAMESPACE, sequence(shown)));
}

interface DeleteItem {
  key: string;
  versionId: string | undefined;
  etag: string | undefined;
}

async function readDeletes(call: Call): Promise<{ items: DeleteItem[]; quiet: boolean }> {
  const root = (await readXmlBody(call, MAX_BODY_BYTES))['Delete'];
  const items = childrenOf(root, 'Object').map((item) => ({
    key: textOf(item, 'Key') ?? '',
    versionId: textOf(item, 'VersionId'),
    etag: textOf(item, 'ETag'),
  }));
  if (items.length === 0 || items.length > MAX_DELETES || items.some((item) => item.key === '')) {
    throw malformedXml();
  }
  return { items, quiet: textOf(root, 'Quiet')?.trim().toLowerCase() === 'true' };
}

async function deleteOne(call: Call, bucket: string, item: DeleteItem): Promise<Xml> {
  try {
    authorize(call, 's3:DeleteObject', `${bucketArn(bucket)}/${item.key}`);
    refuseVersion(item.versionId);
    const conditions = new Map(item.etag === undefined ? [] : [['if-match', item.etag] as const]);
    await remove(call, bucket, item.key, conditions);
    return element('Deleted', element('Key', item.key), optional('VersionId', item.versionId));
  } catch (error) {
    const { code, message } = toS3Error(error);
    return element(
      'Error',
      element('Key', item.key),
      optional('VersionId', item.versionId),
      element('Code', code),
      element('Message', message),
    );
  }
}

/** A request body that is a small XML document. @throws S3Error MalformedXML */
export async function readXmlBody(
  call: Call,
  limit: number,
  options: UploadOptions = {},
): Promise<NonNullable<ReturnType<typeof parseXml>>> {
  const { headers } = call.request;
  const length = headers.get('x-amz-decoded-content-length') ?? headers.get('content-length');
  if (Number(length ?? 0) > limit) throw malformedXml();
  const body = await receiveUpload(call, options);
  try {
    if (body.size > limit) throw malformedXml();
    const text = await readText(call, body);
    const parsed = parseXml(text);
    if (parsed === undefined) throw malformedXml();
    return parsed;
  } finally {
    await call.store.bodies.discard(body);
  }
}

async function readText(
  call: Call,
  body: Awaited<ReturnType<typeof receiveUpload>>,
): Promise<string> {
  if (body.content instanceof Uint8Array) return Buffer.from(body.content).toString('utf8');
  const pieces: Uint8Array[] = [];
  const segments = [{ file: body.content.file, size: body.size }];
  for await (const piece of call.store.bodies.read(segments, 0, body.size)) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

export function malformedXml(): S3Error {
  return new S3Error(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
}
