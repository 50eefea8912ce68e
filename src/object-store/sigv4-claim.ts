import { S3Error } from './errors.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_PRESIGNED_SECONDS = 7 * 24 * 3600;

/** The parts of a request that a signature covers, as they were on the wire. */
export interface SignedParts {
  method: string;
  /** Path without the query, still percent-encoded. */
  rawPath: string;
  /** Query without the question mark, still percent-encoded. */
  rawQuery: string;
  /** Values of all headers, lower-case names, duplicates joined with a comma. */
  headers: ReadonlyMap<string, string>;
}

/** A signature found in a request, not yet checked. */
export interface Claim {
  accessKeyId: string;
  /** YYYYMMDD of the credential scope. */
  day: string;
  region: string;
  service: string;
  signedHeaders: string[];
  signature: string;
  /** ISO 8601 basic, e.g. 20260102T030405Z. */
  time: string;
  /** Seconds that a presigned URL lives; undefined when signed by header. */
  expiresIn: number | undefined;
}

/** The claim in the Authorization header or in the query; undefined for an anonymous request. */
export function readClaim(parts: SignedParts): Claim | undefined {
  const header = parts.headers.get('authorization');
  if (header !== undefined) return readHeaderClaim(header, parts.headers);
  if (!parts.rawQuery.includes('X-Amz-') && !parts.rawQuery.includes('AWSAccessKeyId')) {
    return undefined;
  }
  const query = new URLSearchParams(parts.rawQuery);
  if (query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')) return readQueryClaim(query);
  if (query.has('AWSAccessKeyId') && query.has('Signature')) throw onlyVersion4();
  return undefined;
}

function onlyVersion4(): S3Error {
  return new S3Error(
    'InvalidRequest',
    `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
  );
}

function readHeaderClaim(header: string, headers: ReadonlyMap<string, string>): Claim {
  if (!header.startsWith(`${ALGORITHM} `)) {
    if (header.startsWith('AWS ')) throw onlyVersion4();
    throw new S3Error('InvalidArgument', 'Unsupported Authorization Type');
  }
  const fields = new Map<string, string>();
  for (const field of header.slice(ALGORITHM.length + 1).split(',')) {
    const at = field.indexOf('=');
    if (at > 0) fields.set(field.slice(0, at).trim(), field.slice(at + 1).trim());
  }
  const credential = fields.get('Credential');
  const signedHeaders = fields.get('SignedHeaders');
  const signature = fields.get('Signature');
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw malformed('The authorization header is malformed; it lacks a required field.');
  }
  const time = headers.get('x-amz-date') ?? basicTime(headers.get('date'));
  if (time === undefined || parseBasicTime(time) === undefined) {
    throw new S3Error(
      'AccessDenied',
      'AWS authentication requires a valid Date or x-amz-date header',
    );
  }
  return {
    ...readScope(credential),
    signedHeaders: signedHeaders.split(';'),
    signature,
    time,
    expiresIn: undefined,
  };
}

function readQueryClaim(query: URLSearchParams): Claim {
  const get = (name: string): string => {
    const value = query.get(name);
    if (value === null || value === '')
      throw queryError(`Query-string authentication requires ${name}`);
    return value;
  };
  if (get('X-Amz-Algorithm') !== ALGORITHM)
    throw queryError(`X-Amz-Algorithm only supports "${ALGORITHM}"`);
  const time = get('X-Amz-Date');
  if (parseBasicTime(time) === undefined)
    throw queryError('X-Amz-Date must be in the ISO8601 basic format');
  const expiresIn = Number(get('X-Amz-Expires'));
  if (!Number.isInteger(expiresIn) || expiresIn < 0 || expiresIn > MAX_PRESIGNED_SECONDS) {
    throw queryError('X-Amz-Expires must be between 0 and 604800 seconds');
  }
  return {
    ...readScope(get('X-Amz-Credential')),
    signedHeaders: get('X-Amz-SignedHeaders').split(';'),
    signature: get('X-Amz-Signature'),
    time,
    expiresIn,
  };
}

function queryError(message: string): S3Error {
  return new S3Error('AuthorizationHeaderMalformed', message);
}

export function malformed(message: string): S3Error {
  return new S3Error('AuthorizationHeaderMalformed', message);
}

function readScope(credential: string): Pick<Claim, 'accessKeyId' | 'day' | 'region' | 'service'> {
  const pieces = credential.split('/');
  const [day, region, service, terminator] = pieces.splice(-4);
  const accessKeyId = pieces.join('/');
  if (
    accessKeyId === '' ||
    day === undefined ||
    region === undefined ||
    service === undefined ||
    terminator !== 'aws4_request'
  ) {
    throw malformed(
      'The Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  return { accessKeyId, day, region, service };
}

/** `20260102T030405Z` as milliseconds since the epoch, or undefined. */
export function parseBasicTime(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

function basicTime(httpDate: string | undefined): string | undefined {
  if (httpDate === undefined) return undefined;
  const time = Date.parse(httpDate);
  if (Number.isNaN(time)) return parseBasicTime(httpDate) === undefined ? undefined : httpDate;
  return new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '');
}
