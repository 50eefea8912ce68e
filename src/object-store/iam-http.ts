import { authenticate } from './authenticate.ts';
import { toS3Error } from './errors.ts';
import { IamError, type IamValue } from './iam-values.ts';
import type { Reply, StoreRequest } from './request.ts';
import { sha256Hex } from './sigv4.ts';
import type { Store } from './store.ts';
import { element, escapeXml, sequence, xmlDocument, type Xml } from './xml.ts';

const NAMESPACE = 'https://iam.amazonaws.com/doc/2010-05-08/';
const MAX_BODY_BYTES = 1024 * 1024;

/** The IAM query API: a form is posted to the root, with the action in it or in the query. */
export function isIamRequest(request: StoreRequest): boolean {
  return request.method === 'POST' && request.bucket === undefined;
}

export interface IamReply extends Reply {
  operation: string;
  accessKeyId: string | undefined;
  errorCode: string | undefined;
}

/** Answers one IAM request in XML, or in JSON when the client accepts it. Never throws. */
export async function answerIam(store: Store, request: StoreRequest): Promise<IamReply> {
  const json = request.headers.get('accept')?.includes('application/json') === true;
  let operation = 'UnknownIamAction';
  let accessKeyId: string | undefined;
  try {
    const body = await readBody(request);
    const { identity } = authenticate(
      request,
      store.keys,
      store.clock.now(),
      ['iam', 's3'],
      request.headers.get('x-amz-content-sha256') === 'UNSIGNED-PAYLOAD'
        ? 'UNSIGNED-PAYLOAD'
        : sha256Hex(body),
    );
    accessKeyId = identity.accessKeyId;
    const parameters = new Map([...new URLSearchParams(body.toString('utf8')), ...request.query]);
    const action = parameters.get('Action') ?? '';
    if (/^[A-Za-z]{1,64}$/.test(action)) operation = action;
    if (!identity.admin) {
      throw new IamError('AccessDenied', 403, `Not authorized to perform iam:${operation}.`);
    }
    await store.faults.before(operation);
    const result = await store.iam.execute(action, parameters);
    const reply = json ? jsonReply(result) : xmlReply(action, result, request.id);
    return { ...reply, operation, accessKeyId, errorCode: undefined };
  } catch (error) {
    const { code, status, message } = toIamError(error);
    const reply = errorReply(code, status, message, request.id, json);
    return { ...reply, operation, accessKeyId, errorCode: code };
  }
}

async function readBody(request: StoreRequest): Promise<Buffer> {
  if (request.headers.get('expect') !== undefined) request.response.writeContinue();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new IamError('RequestEntityTooLarge', 413, 'Too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** IAM has its own names for what S3 calls by others. */
function toIamError(error: unknown): IamError {
  if (error instanceof IamError) return error;
  const s3 = toS3Error(error);
  switch (s3.code) {
    case 'InvalidAccessKeyId':
      return new IamError('InvalidClientTokenId', 403, 'The security token included is invalid.');
    case 'InternalError':
      return new IamError('ServiceFailure', 500, s3.message);
    default:
      return new IamError(s3.code, s3.status, s3.message);
  }
}

function jsonReply(result: Record<string, IamValue>): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(result),
  };
}

function xmlReply(action: string, result: Record<string, IamValue>, id: string): Reply {
  const children = Object.entries(result).map(([name, value]) => toXml(name, value));
  const metadata = element('ResponseMetadata', element('RequestId', id));
  return {
    status: 200,
    headers: { 'content-type': 'text/xml', 'cache-control': 'no-store' },
    body: xmlDocument(`${action}Response`, NAMESPACE, ...children, metadata),
  };
}

function toXml(name: string, value: IamValue): Xml {
  if (Array.isArray(value)) {
    return element(name, sequence(value.map((item) => toXml('member', item))));
  }
  if (typeof value === 'object') {
    return element(name, sequence(Object.entries(value).map(([key, item]) => toXml(key, item))));
  }
  return element(name, value);
}

function errorReply(
  code: string,
  status: number,
  message: string,
  id: string,
  json: boolean,
): Reply {
  if (json) {
    const body = JSON.stringify({ Error: { Code: code, Message: message }, RequestId: id });
    return { status, headers: { 'content-type': 'application/json' }, body };
  }
  const type = status >= 500 ? 'Receiver' : 'Sender';
  const body =
    `<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>${type}</Type>` +
    `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message></Error>` +
    `<RequestId>${id}</RequestId></ErrorResponse>`;
  return { status, headers: { 'content-type': 'text/xml' }, body };
}
